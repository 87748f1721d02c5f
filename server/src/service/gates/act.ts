// Acts on what the gates say: opens the next stage, halts, or says that a complete rollout regressed. Called by the tick, and by
// reports and check-ins that ended an assignment badly, so that a bad build stops at once. Every process may ask; the transaction
// that acts looks whether the rollout is still where it was judged.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { assertNever } from '#protocol/errors.ts';
import type { Step } from '#engine/stage/judge.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { endWatch, listToEndWatch, listWatched } from '#server/db/rollouts/open.ts';
import { findStaged, type Rollout, withStages } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { GATE } from '#server/service/principal.ts';
import { judge, judgeFailure } from './judge.ts';
import { moveLocked } from '#server/service/rollouts/rollouts.ts';

/** Lets the gates of every rollout that runs, or is watched after it completed, act. */
export async function judgeRollouts(deps: Deps, nowMs: number): Promise<void> {
  await deps.presence.flush();
  const { database } = deps;
  for (let afterId = 0; ;) {
    const page = await listWatched(database.read, nowMs, { afterId, limit: 100 });
    for (const rollout of await withStages(database.read, page)) {
      const { step } = await judge(deps, database.read, rollout, nowMs);
      if (step.do !== 'stay') await database.write(async (trx) => act(trx, rollout, step, nowMs));
      await deps.waiting.warm(rollout);
      await nextTurn();
    }
    const last = page.at(-1);
    if (last === undefined) break;
    afterId = last.id;
  }
  for (const { id } of await listToEndWatch(database.read, nowMs))
    await database.write(async (trx) => endWatch(trx, id));
}

/** Halts the rollout in the transaction that stored a failure, where that failure was one too many. */
export async function haltIfFailed(deps: Deps, trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  const row = await findStaged(trx, { id: rolloutId });
  if (row === undefined || !isJudged(row, nowMs)) return;
  const judged = await judgeFailure(deps, trx, row, nowMs);
  if (judged?.step.do === 'halt' || judged?.step.do === 'regress') await act(trx, row, judged.step, nowMs);
}

/** It runs, or is complete and watched. */
function isJudged({ status, watch_until_ms }: Rollout, nowMs: number): boolean {
  return status === 'running' || (status === 'complete' && watch_until_ms !== null && nowMs < watch_until_ms);
}

/** Another process may have moved it since it was judged: then the next tick judges anew. */
async function act(trx: Trx, judged: Rollout, step: Step, nowMs: number): Promise<void> {
  await raiseRevision(trx);
  const row = await findStaged(trx, { id: judged.id });
  if (row?.status !== judged.status || row.stage !== judged.stage || row.resumed_at_ms !== judged.resumed_at_ms) return;
  const by = { by: GATE };
  switch (step.do) {
    case 'stay':
      return;
    case 'promote':
      return moveLocked(trx, row, { ...by, command: 'promote', from: step.from, reason: step.reason }, nowMs);
    case 'halt':
      return moveLocked(trx, row, { ...by, command: 'halt', reason: step.reason, revert: step.revert }, nowMs);
    case 'regress':
      return moveLocked(trx, row, { ...by, command: 'regress', reason: step.reason }, nowMs);
    default:
      return assertNever(step);
  }
}
