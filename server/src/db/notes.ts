// Notes on devices, firmware and rollouts: the same three columns in each of their tables.

import { atKey } from '#server/db/fleet/device-names.ts';
import type { Trx } from '#server/db/schema.ts';

export type NotedTable = 'devices' | 'firmware' | 'rollouts';

export interface NoteColumns {
  readonly note: string | null;
  readonly note_by: string | null;
  readonly note_at_ms: number | null;
}

export const NO_NOTE: NoteColumns = { note: null, note_by: null, note_at_ms: null };

export async function saveNote(trx: Trx, table: NotedTable, id: number, note: NoteColumns): Promise<void> {
  await trx.updateTable(table).set(note).where('id', '=', atKey(id)).execute();
}
