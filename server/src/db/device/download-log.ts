// The append-only log of what happened to assignments, and what devices reported of them.

import type { Insertable } from 'kysely';
import type { DownloadLogTable, Trx } from '#server/db/schema.ts';

export type LogEntry = Insertable<DownloadLogTable>;

export async function addLog(trx: Trx, entry: LogEntry): Promise<void> {
  await trx.insertInto('download_log').values(entry).execute();
}

/** Adds a report unless its sequence is known; resolves with whether it is new. */
export async function addReport(trx: Trx, entry: LogEntry & { readonly sequence: number }): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('download_log')
    .values(entry)
    .onConflict((conflict) =>
      conflict.columns(['assignment_id', 'sequence']).where('sequence', 'is not', null).doNothing(),
    )
    .executeTakeFirstOrThrow();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}
