// Enrolments that wait for a person, of boards that did not ask again: one that is there asks every hour.

import { PRUNE_BOARDS } from '#protocol/limits.ts';
import { forgetPending } from '#server/db/identity/pending-enrolments.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import type { PruneRange } from './prune-range.ts';

export async function forgetEnrolments({ database }: WatchDeps, pruned: PruneRange): Promise<number | undefined> {
  const removed = await database.writeSoft(async (trx) => forgetPending(trx, pruned.beforeMs, PRUNE_BOARDS));
  // What is removed is not found again, so the next step begins where this one did.
  return removed === PRUNE_BOARDS ? pruned.afterId : undefined;
}
