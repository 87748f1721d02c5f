// Old entries of the audit, from the beginning of the chain on: what is left is a chain that begins at a checkpoint.

import { PRUNE_ROWS } from '#protocol/limits.ts';
import { type AuditRow, listEntriesAfter, pruneEntries } from '#server/db/events/audit-chain.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import type { PruneRange } from './prune-range.ts';

export async function forgetAudit(
  { database }: WatchDeps,
  { beforeMs }: PruneRange,
  nowMs: number,
): Promise<number | undefined> {
  const oldest = await listEntriesAfter(database.read, 0, PRUNE_ROWS);
  const last = lastOld(oldest, beforeMs, nowMs);
  if (last === undefined) return undefined;
  await database.write(async (trx) => pruneEntries(trx, last, nowMs));
  return oldest.length < PRUNE_ROWS || last !== oldest.at(-1) ? undefined : 0;
}

/**
 * The last entry before which nothing is young. One that a clock which ran ahead has dated later than now does not keep the old
 * ones behind it; one that a clock which ran behind has dated earlier takes nothing with it that is young.
 */
function lastOld(entries: readonly AuditRow[], beforeMs: number, nowMs: number): AuditRow | undefined {
  const firstYoung = entries.findIndex(({ at_ms }) => at_ms >= beforeMs && at_ms <= nowMs);
  return entries.slice(0, firstYoung < 0 ? undefined : firstYoung).findLast(({ at_ms }) => at_ms < beforeMs);
}
