// Acts on what the gates say: opens the next stage, or halts. Called by the tick, and by reports and check-ins that ended an
// attempt badly, so that a bad build stops at once. Every process may ask; the transaction that acts asks once more.

import { assertNever } from '#protocol/errors.ts';
import { raiseRevision } from '#server/db/catalog.ts';
import { eachOpenRollout } from '#server/db/open-rollouts.ts';
import { findRolloutById, type Rollout, saveSampleReached } from '#server/db/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from './deps.ts';
import { moveRollout } from './rollouts.ts';
import { type Judged, judgeFailure, judgeRollout } from './stage-tally.ts';

const GATE = 'gate';

/** Lets the gate of every running rollout act. */
export async function tendRollouts(deps: Deps, nowMs: number): Promise<void> {
  await deps.presence.flush();
  const { database } = deps;
  for await (const rollout of eachOpenRollout(database.read)) {
    if (rollout.status !== 'running') continue;
    const judged = await judgeRollout(deps, database.read, rollout, nowMs);
    if (judged === undefined || judged.step.do === 'stay') continue;
    await database.write(async (trx) => act(deps, trx, rollout.id, nowMs));
  }
}

/** Halts the rollout in the transaction that stored a failure, where that failure was one too many. */
export async function haltIfFailed(deps: Deps, trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  const row = await findRolloutById(trx, rolloutId);
  if (row?.status !== 'running') return;
  const judged = await judgeFailure(deps, trx, row, nowMs);
  if (judged?.step.do === 'halt') await take(trx, row, judged, nowMs);
}

/** On locked facts: another process may have acted since they were read. */
async function act(deps: Deps, trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  await raiseRevision(trx);
  const row = await findRolloutById(trx, rolloutId);
  if (row?.status !== 'running') return;
  const judged = await judgeRollout(deps, trx, row, nowMs);
  if (judged === undefined) return;
  await take(trx, row, judged, nowMs);
  if (judged.step.do !== 'save_sample') return;
  // With the sample stored the gate may have passed.
  const again = await judgeRollout(deps, trx, row, nowMs);
  if (again !== undefined) await take(trx, row, again, nowMs);
}

async function take(trx: Trx, row: Rollout, { stage, step }: Judged, nowMs: number): Promise<void> {
  switch (step.do) {
    case 'stay':
      return;
    case 'save_sample':
      return saveSampleReached(trx, stage.id, step.isReached, nowMs);
    case 'halt':
    case 'promote':
      return moveRollout(trx, row.name, { command: step.do, actor: GATE, reason: step.reason }, nowMs);
    default:
      return assertNever(step);
  }
}
