// Acts on what the gates say: opens the next stage, or halts. Called by the tick, and by reports and check-ins that ended an
// attempt badly, so that a bad build stops at once. Every process may ask; the transaction that acts asks once more.

import { assertNever } from '#protocol/errors.ts';
import { SILENT_POLLS } from '#protocol/limits.ts';
import { addLog } from '#server/db/assignments.ts';
import { raiseRevision } from '#server/db/catalog.ts';
import { findRolloutById, listOpenRollouts, type Rollout, saveSampleReached } from '#server/db/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import { bringBack, hasChangedAfter, listUnchanged, type OpenAssignment, timeOut } from '#server/db/stage-answers.ts';
import { isOverdue } from '#server/rollout/deadline.ts';
import type { Deps } from './deps.ts';
import { moveRollout } from './rollouts.ts';
import { type Judged, judgeRollout } from './stage-tally.ts';

const GATE = 'gate';

/** Ends what is past its deadline, then lets the gate of every running rollout act. */
export async function tendRollouts(deps: Deps, nowMs: number): Promise<void> {
  await deps.presence.flush();
  const { database } = deps;
  const running = (await listOpenRollouts(database.read)).filter(({ status }) => status === 'running');
  for (const rollout of running) {
    await timeOutOverdue(deps, rollout, nowMs);
    const judged = await judgeRollout(deps.settings, database.read, rollout, nowMs);
    if (judged === undefined || judged.step.do === 'stay') continue;
    await database.write(async (trx) => act(deps, trx, rollout.id, nowMs));
  }
}

/** Halts the rollout in the transaction that stored a failure, where that failure was one too many. */
export async function haltIfFailed(deps: Deps, trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  const row = await findRolloutById(trx, rolloutId);
  if (row?.status !== 'running') return;
  const judged = await judgeRollout(deps.settings, trx, row, nowMs);
  if (judged?.step.do === 'halt') await take(trx, row, judged, nowMs);
}

/** On locked facts: another process may have acted since they were read. */
async function act(deps: Deps, trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  await raiseRevision(trx);
  const row = await findRolloutById(trx, rolloutId);
  if (row?.status !== 'running') return;
  const judged = await judgeRollout(deps.settings, trx, row, nowMs);
  if (judged === undefined) return;
  await take(trx, row, judged, nowMs);
  if (judged.step.do !== 'save_sample') return;
  // With the sample stored the gate may have passed.
  const again = await judgeRollout(deps.settings, trx, row, nowMs);
  if (again !== undefined) await take(trx, row, again, nowMs);
}

async function take(trx: Trx, row: Rollout, { stage, step }: Judged, nowMs: number): Promise<void> {
  switch (step.do) {
    case 'stay':
      return;
    case 'save_sample':
      return saveSampleReached(trx, stage.id, step.isReached ? nowMs : null);
    case 'halt':
    case 'promote':
      return moveRollout(trx, row.name, { command: step.do, actor: GATE, reason: step.reason }, nowMs);
    default:
      return assertNever(step);
  }
}

async function timeOutOverdue(deps: Deps, rollout: Rollout, nowMs: number): Promise<void> {
  const { pollIntervalS } = deps.settings;
  const quietMs = SILENT_POLLS * pollIntervalS * 1000;
  const beforeMs = nowMs - quietMs;
  // Their time would not be up before the clock is where it was: it begins anew. Clocks of several servers differ by less.
  if (await hasChangedAfter(deps.database.read, rollout.id, nowMs + quietMs))
    await deps.database.write(async (trx) => bringBack(trx, rollout.id, nowMs + quietMs, nowMs));
  const overdue = (await listUnchanged(deps.database.read, rollout.id, beforeMs)).filter((open) =>
    isOverdue({ updatedAtMs: open.updated_at_ms, sizeBytes: open.size_bytes }, pollIntervalS, nowMs),
  );
  if (overdue.length === 0) return;
  await deps.database.write(async (trx) => {
    for (const assignment of overdue)
      if (await timeOut(trx, assignment, nowMs)) await addLog(trx, entry(assignment, nowMs));
  });
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
