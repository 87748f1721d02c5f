// Every offer has a deadline. What is past it is `timed_out`: its device counts as silent until it is seen again, and then by
// what it runs. A board that is heard of while it holds the image is not late, and time without a server does not count. Of rollouts that run, and of complete ones that late devices follow; a paused one stands still.

import { isHolding } from '#engine/facts/hold.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SILENT_POLLS } from '#protocol/limits.ts';
import { findAssignment, saveAssignment } from '#server/db/device/assignments.ts';
import { listInFlight, listStages, type Rollout } from '#server/db/rollouts/rollouts.ts';
import {
  clampFutureChanges,
  hasChangedAfter,
  listUnchanged,
  type OpenAssignment,
  UNCHANGED_PAGE,
} from '#server/db/rollouts/deadlines.ts';
import { isOpenState, isPostponed } from '#engine/assignment/assignment.ts';
import { deadlineSilenceMs, isOverdue, WAIT_MS } from '#engine/assignment/deadline.ts';
import { instantBeforeMs } from '#engine/facts/absence.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { columnsOf, movingOf } from '#server/service/device/assignment.ts';
import { windowOf } from '#server/service/rollouts/view.ts';

export async function endOverdue(deps: Deps, nowMs: number): Promise<void> {
  // Who has just checked in is heard of.
  await deps.presence.flush();
  const { freezeOf } = await deps.catalog.current();
  // What waits for the end of a freeze is not late; its deadline begins anew then.
  for (const rollout of await listInFlight(deps.database.read))
    if (!isHolding(freezeOf(rollout.product), false, nowMs)) await endOverdueOf(deps, rollout, nowMs);
}

async function endOverdueOf(deps: Deps, rollout: Rollout, nowMs: number): Promise<void> {
  const { read } = deps.database;
  const quietMs = SILENT_POLLS * deps.settings.pollIntervalS * 1000;
  // Their time would not be up before the clock is where it was: it begins anew. Clocks of several servers differ by less.
  if (await hasChangedAfter(read, rollout.id, nowMs + quietMs))
    await deps.database.write(async (trx) => clampFutureChanges(trx, rollout.id, nowMs + quietMs, nowMs));
  const than = {
    beforeMs: nowMs - quietMs,
    seenSinceMs: instantBeforeMs(deps.absences.recent(), quietMs, nowMs),
    waitingSinceMs: nowMs - WAIT_MS,
  };
  let isDeviceLocal: boolean | undefined;
  for (let afterId = 0; ;) {
    const unchanged = await listUnchanged(read, rollout.id, { ...than, afterId });
    if (unchanged.length === 0) return;
    isDeviceLocal ??= await keepsOwnHours(deps, rollout);
    const late = unchanged.filter((open) =>
      isLate(deps, rollout, { ...open, isDeviceLocal: isDeviceLocal === true }, nowMs),
    );
    if (late.length > 0) await timeOutAll(deps, late, nowMs);
    if (unchanged.length < UNCHANGED_PAGE) return;
    afterId = unchanged.at(-1)?.id ?? afterId;
    await nextTurn();
  }
}

function isLate(
  { settings, absences }: Deps,
  rollout: Rollout,
  open: OpenAssignment & { readonly isDeviceLocal: boolean },
  nowMs: number,
): boolean {
  const deadline = {
    state: open.state,
    sinceMs: Math.max(open.updated_at_ms, rollout.resumed_at_ms ?? Number.NEGATIVE_INFINITY),
    seenAtMs: open.last_seen_at_ms,
    silenceMs: deadlineSilenceMs(settings.pollIntervalS, open.interval_s ?? undefined),
    sizeBytes: open.size_bytes,
    isPostponed: isPostponed({ state: open.state, errorCode: open.error_code ?? undefined }),
    isDeviceLocal: open.isDeviceLocal,
  };
  return isOverdue(deadline, absences.recent(), nowMs);
}

async function timeOutAll(deps: Deps, late: readonly OpenAssignment[], nowMs: number): Promise<void> {
  await deps.database.write(async (trx) => {
    for (const assignment of late) await timeOut(trx, assignment, nowMs);
  });
}

/** Whether a device may hold an offer for hours because it waits for those of its own day. */
async function keepsOwnHours({ database, catalog }: Deps, rollout: Rollout): Promise<boolean> {
  if ((await catalog.current()).windows.hasDeviceLocal) return true;
  return (await listStages(database.read, [rollout.id])).some((stage) => windowOf(stage)?.device_local === true);
}

/** Where it is still as it was read. */
async function timeOut(trx: Trx, { id, updated_at_ms }: OpenAssignment, nowMs: number): Promise<void> {
  const row = await findAssignment(trx, id);
  if (row === undefined || row.updated_at_ms !== updated_at_ms || !isOpenState(row.state)) return;
  const { progress, watch } = movingOf(row);
  const ended = { progress: { ...progress, state: 'timed_out' as const }, watch, updatedAtMs: nowMs };
  await saveAssignment(trx, id, columnsOf(ended), nowMs);
}
