// Every offer has a deadline. What is past it is `timed_out`: its device counts as silent until it is seen again, and then by
// what it runs. Of rollouts that run, and of complete ones that late devices follow; a paused one stands still.

import { SILENT_POLLS } from '#protocol/limits.ts';
import { addLog, findAssignment, saveProgress } from '#server/db/assignments.ts';
import { listInFlight, listStages, type Rollout } from '#server/db/rollouts.ts';
import { bringBack, hasChangedAfter, listUnchanged, type OpenAssignment } from '#server/db/stage-answers.ts';
import { isOpenState } from '#engine/assignment/assignment.ts';
import { isOverdue } from '#engine/assignment/deadline.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from './deps.ts';
import { progressColumns, progressOf, watchColumns, watchOf } from './device-facts.ts';
import { windowOf } from './rollout-view.ts';

export async function endOverdue(deps: Deps, nowMs: number): Promise<void> {
  for (const rollout of await listInFlight(deps.database.read)) await endOverdueOf(deps, rollout, nowMs);
}

async function endOverdueOf(deps: Deps, rollout: Rollout, nowMs: number): Promise<void> {
  const { read } = deps.database;
  const { pollIntervalS } = deps.settings;
  const quietMs = SILENT_POLLS * pollIntervalS * 1000;
  // Their time would not be up before the clock is where it was: it begins anew. Clocks of several servers differ by less.
  if (await hasChangedAfter(read, rollout.id, nowMs + quietMs))
    await deps.database.write(async (trx) => bringBack(trx, rollout.id, nowMs + quietMs, nowMs));
  const unchanged = await listUnchanged(read, rollout.id, nowMs - quietMs);
  if (unchanged.length === 0) return;
  const isDeviceLocal = await keepsOwnHours(deps, rollout);
  const overdue = unchanged.filter((open) => {
    const sinceMs = Math.max(open.updated_at_ms, rollout.resumed_at_ms ?? Number.NEGATIVE_INFINITY);
    return isOverdue({ sinceMs, sizeBytes: open.size_bytes, isDeviceLocal }, pollIntervalS, nowMs);
  });
  if (overdue.length === 0) return;
  await deps.database.write(async (trx) => {
    for (const assignment of overdue)
      if (await timeOut(trx, assignment, nowMs)) await addLog(trx, entry(assignment, nowMs));
  });
}

/** Whether a device may hold an offer for hours because it waits for those of its own day. */
async function keepsOwnHours({ database, catalog }: Deps, rollout: Rollout): Promise<boolean> {
  if ((await catalog.current()).windows.hasDeviceLocal) return true;
  return (await listStages(database.read, [rollout.id])).some((stage) => windowOf(stage)?.device_local === true);
}

/** Resolves with whether it was still as it was read. */
async function timeOut(trx: Trx, { id, updated_at_ms }: OpenAssignment, nowMs: number): Promise<boolean> {
  const row = await findAssignment(trx, id);
  if (row === undefined || row.updated_at_ms !== updated_at_ms || !isOpenState(row.state)) return false;
  const progress = { ...progressOf(row), state: 'timed_out' as const };
  await saveProgress(trx, id, { ...progressColumns(progress, nowMs), ...watchColumns(watchOf(row), progress) }, nowMs);
  return true;
}

function entry(assignment: OpenAssignment, nowMs: number) {
  return {
    at_ms: nowMs,
    device_id: assignment.device_id,
    firmware_id: assignment.firmware_id,
    assignment_id: assignment.id,
    sequence: null,
    status: 'timed_out',
    error: null,
    detail: null,
  };
}
