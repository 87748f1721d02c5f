// A note as it is stored and shown, whatever it is on.

import type { Note } from '#protocol/admin/shapes.ts';
import { NO_NOTE, type NoteColumns } from '#server/db/notes.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';

/** Null: nobody wrote one. */
export function viewNote({ note, note_by, note_at_ms }: NoteColumns): Note | null {
  if (note === null || note_at_ms === null) return null;
  return { text: note, by: note_by ?? '', at: toInstant(note_at_ms) };
}

/** What is stored of a text that somebody wrote. */
export function noteColumns(note: string, by: Principal, nowMs: number): NoteColumns {
  const text = note.trim();
  return text === '' ? NO_NOTE : { note: text, note_by: actorOf(by), note_at_ms: nowMs };
}
