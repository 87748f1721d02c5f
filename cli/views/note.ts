// What operators write on things, in one line: the name of a device, and a note with its author.

import { relativeTime } from './relative-time.ts';
import type { Note } from '#protocol/admin/shapes.ts';

/** `sensor-2 (24:6f:28:aa:bb:cc)`, or the MAC alone. */
export function deviceText({ mac, name }: { readonly mac: string; readonly name: string | null }): string {
  return name === null ? mac : `${name} (${mac})`;
}

/** Undefined: there is none. */
export function noteText(note: Note | null, nowMs: number): string | undefined {
  return note === null ? undefined : `${note.text} (by ${note.by} ${relativeTime(note.at, nowMs)})`;
}

/** After a note was written. */
export function notedText(what: string, note: Note | null): string {
  return note === null ? `${what} has no note` : `the note on ${what}: ${note.text}`;
}
