// Says that a server is here, runs the schedules that are due, then lets gates act and forgets what is too old. Every server process ticks; whoever claims a run first does it, once.

import { endOverdue } from '#server/service/gates/deadlines.ts';
import type { Deps } from '#server/service/deps.ts';
import { setFutureTimesRight } from './future-times.ts';
import { judgeRollouts } from '#server/service/gates/act.ts';
import { promotePending } from '#server/service/rollouts/pending-promotions.ts';
import { runDue } from '#server/service/schedules/runs.ts';

/** Resolves with the names of the schedules whose due run this process dealt with. */
export async function tick(deps: Deps, nowMs: number): Promise<readonly string[]> {
  if (await deps.absences.beat()) {
    await setFutureTimesRight(deps, nowMs);
    await deps.absences.acceptClock();
  }
  const done = await runDue(deps, nowMs);
  await endOverdue(deps, nowMs);
  await deps.presence.flush();
  await deps.lost.look(nowMs);
  await judgeRollouts(deps, nowMs);
  await promotePending(deps, nowMs);
  await deps.retention.prune(nowMs);
  return done;
}
