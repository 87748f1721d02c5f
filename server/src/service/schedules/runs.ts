// Runs of schedules: those that are due, and those by hand. Every server process looks; whoever claims a run first does it,
// once. A promotion whose gate has not passed becomes pending here; `pending-promotions.ts` watches it from then on.

import type { Schedule } from '#protocol/admin/schedules.ts';
import { OtterError } from '#protocol/errors.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  claimRun,
  listDue,
  getWaiting,
  saveSchedule,
  type Schedule as ScheduleRow,
} from '#server/db/schedules/schedules.ts';
import type { Trx } from '#server/db/schema.ts';
import { nextScheduledMs } from '#server/time/schedule-time.ts';
import { judgeDueRun } from '#engine/schedule/due-run.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';
import { type AskedGate, type GateVerdict, promote, refuseGate, withGate } from '#server/service/rollouts/promote.ts';
import { moveRollout } from '#server/service/rollouts/rollouts.ts';
import { getRow, viewSchedule } from './schedules.ts';

const DAY_MS = 86_400_000;

/** Resolves with the names of the schedules whose due run this process dealt with. */
export async function runDue(deps: Deps, nowMs: number): Promise<readonly string[]> {
  if (deps.absences.isSetBack) {
    await clampFutureRuns(deps, nowMs);
    deps.absences.acceptRuns();
  }
  const due = await listDue(deps.database.read, nowMs);
  // A promotion asks the gate, which counts who was seen.
  if (due.length > 0) await deps.presence.flush();
  const done: string[] = [];
  for (const schedule of due) {
    const isMine = await withGate(deps, gatedBy(schedule), nowMs, async (trx, asked) =>
      processDue(trx, schedule, asked, nowMs),
    );
    if (isMine) done.push(schedule.name);
  }
  return done;
}

/**
 * Carries out the action now, whatever the time of the schedule. Throws what the action throws, `gate_not_passed` for a
 * promotion, and `field_invalid` for a window.
 */
export async function runSchedule(deps: Deps, name: string, by: Principal, nowMs: number): Promise<Schedule> {
  await deps.presence.flush();
  const { action, rollout } = await getRow(deps.database.read, name);
  await withGate(deps, gatedBy({ action, rollout }), nowMs, async (trx, asked) => {
    await raiseRevision(trx);
    const row = await getRow(trx, name);
    const who = { by, reason: `schedule ${name}, run by hand`, asked };
    const held = await runAction(trx, row, who, nowMs);
    if (held !== undefined) throw refuseGate(row.rollout ?? '', held);
    await saveSchedule(trx, row.id, { last_run_at_ms: nowMs, last_result: 'done by hand' });
  });
  return viewSchedule(await getRow(deps.database.read, name));
}

/** The rollout whose gate its run asks. */
function gatedBy({ action, rollout }: Pick<ScheduleRow, 'action' | 'rollout'>): string | undefined {
  return action === 'promote' ? (rollout ?? undefined) : undefined;
}

async function processDue(
  trx: Trx,
  schedule: ScheduleRow,
  asked: AskedGate | undefined,
  nowMs: number,
): Promise<boolean> {
  // Before the row is claimed: everybody who moves a rollout takes these locks in this order.
  await raiseRevision(trx);
  const dueMs = latestDueMs(schedule, nowMs);
  const isMine = await claimRun(trx, schedule, { next_run_at_ms: nextScheduledMs(schedule, nowMs) ?? null });
  if (!isMine) return false;
  if (isDone(schedule, dueMs, nowMs)) {
    await saveOutcome(trx, schedule, {}, nowMs);
    return true;
  }
  const verdict = judgeDueRun({ dueMs, missed: schedule.missed, graceMs: schedule.grace_ms }, nowMs);
  if (verdict === 'skip') {
    const last_result = `missed: was due ${toInstant(dueMs)} while no server was running`;
    await saveOutcome(trx, schedule, { last_result }, nowMs);
    await auditRun(trx, schedule, 'missed', { due: toInstant(dueMs) }, nowMs);
    return true;
  }
  const { result, isPending } = await tryRun(trx, schedule, asked, nowMs);
  const last_result = verdict === 'run' ? result : `${result} (late: was due ${toInstant(dueMs)})`;
  const pending_since_ms = isPending ? (schedule.pending_since_ms ?? nowMs) : null;
  await saveOutcome(trx, schedule, { last_run_at_ms: nowMs, last_result, pending_since_ms }, nowMs);
  return true;
}

/** A one-time schedule that is not pending is over, whatever came of it. */
async function saveOutcome(
  trx: Trx,
  { id, at }: ScheduleRow,
  change: Partial<Pick<ScheduleRow, 'last_run_at_ms' | 'last_result' | 'pending_since_ms'>>,
  nowMs: number,
): Promise<void> {
  const { pending_since_ms = null } = change;
  const isOver = at !== null && pending_since_ms === null;
  await saveSchedule(trx, id, { ...change, pending_since_ms, ...(isOver ? { done_at_ms: nowMs } : {}) });
}

/** A clock that has gone back would leave the schedule without a run until it is there again. */
async function clampFutureRuns({ database }: Deps, nowMs: number): Promise<void> {
  for (const schedule of await getWaiting(database.read, nowMs)) {
    const nextMs = nextScheduledMs(schedule, nowMs);
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
  let nextMs = nextScheduledMs(schedule, Math.max(dueMs, nowMs - schedule.grace_ms - 1));
  while (nextMs !== undefined && nextMs <= nowMs) {
    dueMs = nextMs;
    nextMs = nextScheduledMs(schedule, dueMs);
  }
  return dueMs;
}

/** A refusal is an outcome of the run, not a failure of the tick; `moveRollout` refuses before it writes anything. */
async function tryRun(
  trx: Trx,
  schedule: ScheduleRow,
  asked: AskedGate | undefined,
  nowMs: number,
): Promise<{ readonly result: string; readonly isPending: boolean }> {
  try {
    const held = await runAction(
      trx,
      schedule,
      { by: { kind: 'schedule' as const, name: schedule.name }, asked },
      nowMs,
    );
    if (held === undefined) return { result: doneText(schedule), isPending: false };
    if (schedule.pending_since_ms === null) await auditRun(trx, schedule, 'pending', { gate: held }, nowMs);
    return { result: `pending: ${held.text}`, isPending: true };
  } catch (error) {
    if (!(error instanceof OtterError)) throw error;
    await auditRun(trx, schedule, 'refused', { code: error.code, message: error.message }, nowMs);
    return { result: `refused: ${error.message}`, isPending: false };
  }
}

/** What the result of a run that was carried out says. */
function doneText({ action, from_stage }: ScheduleRow): string {
  return action === 'promote' ? `done: stage ${from_stage ?? ''} is promoted` : 'done';
}

async function auditRun(
  trx: Trx,
  { name }: ScheduleRow,
  what: 'missed' | 'refused' | 'pending',
  details: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf({ kind: 'schedule', name }),
    action: `schedule.${what}`,
    subject: name,
    details,
  });
}

/** Resolves with the gate that holds a promotion; undefined where the action was carried out. */
async function runAction(
  trx: Trx,
  schedule: ScheduleRow,
  { asked, ...who }: { readonly by: Principal; readonly reason?: string; readonly asked: AskedGate | undefined },
  nowMs: number,
): Promise<GateVerdict | undefined> {
  const { action, rollout, label, from_stage } = schedule;
  if (action === 'window' || rollout === null) {
    throw new OtterError(
      'field_invalid',
      `schedule ${schedule.name} is a window`,
      'a window is not run: installs are allowed while it is open',
    );
  }
  if (action === 'promote') {
    // None is known only while there is no such rollout; then this names none that it could have.
    const promoted = await promote(trx, rollout, { ...who, from: from_stage ?? '', asked }, nowMs);
    return promoted.isDone ? undefined : promoted.gate;
  }
  const pilotLabel = action === 'start' ? (label ?? undefined) : undefined;
  await moveRollout(trx, rollout, { ...who, command: action, pilotLabel }, nowMs);
  return undefined;
}
