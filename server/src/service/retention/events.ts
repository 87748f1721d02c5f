// Old events, all but the last.

import { PRUNE_ROWS } from '#protocol/limits.ts';
import { findHead, hasEventsBefore, pruneEvents } from '#server/db/events/events.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import type { PruneRange } from './prune-range.ts';

export async function forgetEvents({ database }: WatchDeps, { beforeMs }: PruneRange): Promise<number | undefined> {
  if (!(await hasEventsBefore(database.read, beforeMs))) return undefined;
  const head = await findHead(database.read, database.dialect);
  const removed = await database.write(async (trx) => pruneEvents(trx, { beforeMs, head, limit: PRUNE_ROWS }));
  return removed < PRUNE_ROWS ? undefined : 0;
}
