// Says that a server is here, runs the schedules that are due, then lets gates act and forgets old events. Every server process ticks; whoever claims a run first does it, once.

import type { Schedule } from '#protocol/admin-api.ts';
import { OtterError } from '#protocol/errors.ts';
import { nextRunMs } from '#server/cron.ts';
import { addAudit } from '#server/db/audit.ts';
import { claimRun, listDue, listWaiting, saveSchedule, type Schedule as ScheduleRow } from '#server/db/schedules.ts';
import type { Trx } from '#server/db/schema.ts';
import { judgeDueRun } from '#engine/schedule/due-run.ts';
import { endOverdue } from './deadlines.ts';
import type { Deps } from './deps.ts';
import { forgetOldEvents } from './events.ts';
import { setFutureTimesRight } from './future-times.ts';
import { tendRollouts } from './gates.ts';
import { toInstant } from './instant.ts';
import { moveRollout } from './rollouts.ts';
import { getRow, viewSchedule } from './schedules.ts';

const DAY_MS = 86_400_000;

/** Resolves with the names of the schedules whose due run this process dealt with. */
export async function tick(deps: Deps, nowMs: number): Promise<readonly string[]> {
  if (await deps.absences.beat()) {
    await setFutureTimesRight(deps, nowMs);
    await deps.absences.acceptClock();
  }
  await bringBackRuns(deps, nowMs);
  const due = await listDue(deps.database.read, nowMs);
  const done: string[] = [];
  for (const schedule of due) {
    const isMine = await deps.database.write(async (trx) => dealWith(trx, schedule, nowMs));
    if (isMine) done.push(schedule.name);
  }
  await endOverdue(deps, nowMs);
  await tendRollouts(deps, nowMs);
  if (deps.absences.isClockTrusted) await forgetOldEvents(deps, nowMs);
  return done;
}

/** Carries out the action now, whatever the cron line says. Throws what the action throws, and `field_invalid` for a window. */
export async function runSchedule(deps: Deps, name: string, nowMs: number): Promise<Schedule> {
  return deps.database.write(async (trx) => {
    const row = await getRow(trx, name);
    await act(trx, row, { actor: 'admin', reason: `schedule ${name}, run by hand` }, nowMs);
    await saveSchedule(trx, row.id, { last_run_at_ms: nowMs, last_result: 'done by hand' });
    return viewSchedule(await getRow(trx, name));
  });
}

async function dealWith(trx: Trx, schedule: ScheduleRow, nowMs: number): Promise<boolean> {
  const dueMs = latestDueMs(schedule, nowMs);
  const isMine = await claimRun(trx, schedule, { next_run_at_ms: nextRunMs(schedule, nowMs) ?? null });
  if (!isMine) return false;
  if (isDone(schedule, dueMs, nowMs)) return true;
  const verdict = judgeDueRun({ dueMs, missed: schedule.missed, graceMs: schedule.grace_ms }, nowMs);
  if (verdict === 'skip') {
    const last_result = `missed: was due ${toInstant(dueMs)} while no server was running`;
    await saveSchedule(trx, schedule.id, { last_result });
    await addAudit(trx, {
      atMs: nowMs,
      actor: `schedule:${schedule.name}`,
      action: 'schedule.missed',
      subject: schedule.name,
      details: { due: toInstant(dueMs) },
    });
    return true;
  }
  const outcome = await tryAct(trx, schedule, nowMs);
  const last_result = verdict === 'run' ? outcome : `${outcome} (late: was due ${toInstant(dueMs)})`;
  await saveSchedule(trx, schedule.id, { last_run_at_ms: nowMs, last_result });
  return true;
}

/** A clock that has gone back would leave the schedule without a run until it is there again. */
async function bringBackRuns({ database }: Deps, nowMs: number): Promise<void> {
  for (const schedule of await listWaiting(database.read, nowMs)) {
    const nextMs = nextRunMs(schedule, nowMs);
    if (nextMs === undefined || nextMs >= (schedule.next_run_at_ms ?? nextMs)) continue;
    await database.write(async (trx) => claimRun(trx, schedule, { next_run_at_ms: nextMs }));
  }
}

/** Whether this run was done before the clock went back. Where it went back by more than a day, all begins anew. */
function isDone(schedule: ScheduleRow, dueMs: number, nowMs: number): boolean {
  const { last_run_at_ms: lastMs } = schedule;
  return lastMs !== null && lastMs >= dueMs && lastMs <= nowMs + DAY_MS;
}

/** Several missed runs count as one, the latest: that one may be within its grace where the first is not. */
function latestDueMs(schedule: ScheduleRow, nowMs: number): number {
  let dueMs = schedule.next_run_at_ms ?? nowMs;
  // A run that was due before the grace is left out anyway, so years of them need not be walked through.
  let nextMs = nextRunMs(schedule, Math.max(dueMs, nowMs - schedule.grace_ms - 1));
  while (nextMs !== undefined && nextMs <= nowMs) {
    dueMs = nextMs;
    nextMs = nextRunMs(schedule, dueMs);
  }
  return dueMs;
}

/** A refusal is an outcome of the run, not a failure of the tick; `moveRollout` refuses before it writes anything. */
async function tryAct(trx: Trx, schedule: ScheduleRow, nowMs: number): Promise<string> {
  try {
    await act(trx, schedule, { actor: `schedule:${schedule.name}` }, nowMs);
    return 'done';
  } catch (error) {
    if (!(error instanceof OtterError)) throw error;
    await addAudit(trx, {
      atMs: nowMs,
      actor: `schedule:${schedule.name}`,
      action: 'schedule.refused',
      subject: schedule.name,
      details: { code: error.code, message: error.message },
    });
    return `refused: ${error.message}`;
  }
}

async function act(
  trx: Trx,
  schedule: ScheduleRow,
  who: { readonly actor: string; readonly reason?: string },
  nowMs: number,
): Promise<void> {
  const { action, rollout } = schedule;
  if (action === 'window' || rollout === null) {
    throw new OtterError(
      'field_invalid',
      `schedule ${schedule.name} is a window`,
      'a window is not run: installs are allowed while it is open',
    );
  }
  await moveRollout(
    trx,
    rollout,
    {
      ...who,
      command: action,
      pilotLabel: action === 'start' ? (schedule.label ?? undefined) : undefined,
    },
    nowMs,
  );
}
