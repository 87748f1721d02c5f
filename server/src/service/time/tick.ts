// Says that a server is here, runs the schedules that are due, then lets gates act, counts versions, looks after the stored images and forgets what
// is too old. Every server process ticks; whoever claims a run first does it, once. Where nothing is due, it asks nothing further.

import { type Due, findDue } from '#server/db/time/due.ts';
import { endOverdue } from '#server/service/gates/deadlines.ts';
import type { Deps } from '#server/service/deps.ts';
import { endFreezes } from '#server/service/holds/freezes.ts';
import { endHolds } from '#server/service/holds/holds.ts';
import { setFutureTimesRight } from './future-times.ts';
import { judgeRollouts } from '#server/service/gates/act.ts';
import { promotePending } from '#server/service/rollouts/pending-promotions.ts';
import { runDue } from '#server/service/schedules/runs.ts';

/** Resolves with the names of the schedules whose due run this process dealt with. */
export async function tick(deps: Deps, nowMs: number): Promise<readonly string[]> {
  const { absences } = deps;
  const look = async (): Promise<Due> => findDue(deps.database.read, nowMs);
  let due = await absences.beat(look);
  if (absences.isClockBack) {
    await setFutureTimesRight(deps, nowMs);
    await absences.acceptClock();
    due = await look();
  }
  if (due.hasEndedHold) {
    await endHolds(deps, nowMs);
    await endFreezes(deps, nowMs);
  }
  const done = due.hasRun || absences.isSetBack ? await runDue(deps, nowMs) : [];
  // What they started has its gates asked with this tick.
  if (done.length > 0) due = await look();
  if (due.hasInFlight) await endOverdue(deps, nowMs);
  await deps.presence.flush();
  if (due.hasWatched) {
    await deps.lost.look(nowMs);
    await judgeRollouts(deps, nowMs);
  }
  if (due.hasPending) await promotePending(deps, nowMs);
  if (due.hasDynamicLabel) await deps.regrouping.tick(nowMs);
  await deps.census.tick(nowMs);
  await deps.images.tick(nowMs);
  await deps.ticketKeys.tick(nowMs);
  await deps.credentials.tick(nowMs);
  await deps.retention.prune(nowMs);
  return done;
}
