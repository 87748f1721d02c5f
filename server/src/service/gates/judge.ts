// What the gates of a rollout say now: counts the boards of every stage that has opened and asks the engine. It only reads.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { heapDropPct, moreRestartsPct } from '#engine/outcome/baseline.ts';
import { countsOf } from '#engine/stage/counts.ts';
import type { GateCounts } from '#engine/stage/gate.ts';
import { judgeRollout, type Judgement, mayFail } from '#engine/stage/judge.ts';
import { failureCountsOf, questionsOf, type StageAt, gateCountsOf, worstCountsOf } from '#engine/stage/questions.ts';
import { isWaitedFor, type Silence, sleeperLimitMs } from '#engine/stage/silence.ts';
import { Gate } from '#protocol/admin/plan.ts';
import { countAsleep, countBoards, listUndecided, type StageGroup } from '#server/db/rollouts/board-counts.ts';
import { findLastHeardOfLost, findLastRanOut } from '#server/db/rollouts/silence-counts.ts';
import type { Rollout, Stage, StagedRollout } from '#server/db/rollouts/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { stageHealth } from './health.ts';
import { silenceAt } from '#server/service/device/observation.ts';

const UNDECIDED_PAGE = 500;

/** A stage that has opened, with its boards. */
interface JudgedStage {
  readonly row: Stage;
  readonly name: string;
  readonly promotion: Stage['promotion'];
  readonly gate: Gate | undefined;
  readonly groups: readonly StageGroup[];
  readonly gateCounts: GateCounts;
}

export interface JudgedRollout extends Judgement {
  /** Those that have opened, in their order. */
  readonly stages: readonly JudgedStage[];
}

/** Of a rollout that has opened a stage; one that is a draft has none. */
export async function judge(deps: Deps, db: Reader, row: StagedRollout, nowMs: number): Promise<JudgedRollout> {
  const stages: JudgedStage[] = [];
  for (const at of await listStagesAt(db, row)) {
    const gateCounts = await countStage(deps, db, row, at, nowMs);
    stages.push({ ...at, name: at.row.name, promotion: at.row.promotion, gateCounts });
    // One after the other: each is some reading, and check-ins have their turn in between.
    await nextTurn();
  }
  return { ...judgeRollout(row.status, stages, nowMs), stages };
}

/**
 * The same after a failure, inside the transaction that stored it; undefined where it cannot be one too many, which most are
 * not. It asks only what SQL counts from an index, and of boards without an assignment only where that could matter.
 */
export async function judgeFailure(
  deps: Deps,
  db: Reader,
  row: StagedRollout,
  nowMs: number,
): Promise<Judgement | undefined> {
  const stages = await listStagesAt(db, row);
  const mayBeBad = stages.some(
    ({ gate, groups }) => gate !== undefined && mayFail(gate, worstCountsOf(countsOf(gate, groups)), nowMs),
  );
  if (!mayBeBad) return undefined;
  const certain = [];
  for (const at of stages) {
    const { counts, reachable: wanted, trialSilence: isAsked } = questionsOf(row.status, at);
    const reachable = wanted === 0 ? 0 : await deps.waiting.countReachable(db, row, wanted, nowMs);
    const asking = { row, stage: at.row, look: 'sampleSilence' } as const;
    const key = { rolloutId: row.id, stageId: at.row.id };
    const trialSilence = isAsked
      ? await silenceSince(deps, db, asking, await findLastRanOut(db, key), nowMs)
      : undefined;
    const gateCounts = failureCountsOf(counts, { reachable, trialSilence });
    certain.push({ name: at.row.name, promotion: at.row.promotion, gate: at.gate, gateCounts });
  }
  return judgeRollout(row.status, certain, nowMs);
}

/** What was stored has passed the schema when it came in; what has not is no gate that could pass. */
export function gateOf(stage: Pick<Stage, 'gate'>): Gate | undefined {
  return stage.gate === null ? undefined : Value.Parse(Gate, JSON.parse(stage.gate));
}

interface StageRowAt extends StageAt {
  readonly row: Stage;
  readonly groups: readonly StageGroup[];
}

/** Those that have opened, in their order. */
async function listStagesAt(db: Reader, row: StagedRollout): Promise<readonly StageRowAt[]> {
  const opened = row.stages.filter((stage) => stage.opened_at_ms !== null);
  const groups = Map.groupBy(await countBoards(db, row.id), ({ stageId }) => stageId);
  return opened.map((stage, index) => ({
    row: stage,
    gate: gateOf(stage),
    groups: groups.get(stage.id) ?? [],
    isOpen: index === opened.length - 1,
    isFirst: index === 0,
  }));
}

async function countStage(
  deps: Deps,
  db: Reader,
  row: StagedRollout,
  at: StageRowAt,
  nowMs: number,
): Promise<GateCounts> {
  const { row: stage, gate } = at;
  const asked = questionsOf(row.status, at);
  const key = { rolloutId: row.id, stageId: stage.id };
  const asking = { row, stage, look: 'countSilence' } as const;
  const reachable = asked.reachable === 0 ? 0 : await deps.waiting.countReachable(db, row, asked.reachable, nowMs);
  const answers = {
    reachable,
    isAnyLeft: !asked.anyLeft || reachable > 0 || (await deps.waiting.isAnyLeft(db, row)),
    isUndecided: asked.undecided && (await isUndecided(deps, db, row, { stage, gate }, nowMs)),
    asleep: asked.asleep ? await countSleepers(deps, db, row, { stage, gate }, nowMs) : 0,
    silence: asked.silence
      ? await silenceSince(deps, db, asking, await findLastHeardOfLost(db, key), nowMs)
      : undefined,
    trialSilence: asked.trialSilence
      ? await silenceSince(deps, db, asking, await findLastRanOut(db, key), nowMs)
      : undefined,
    usualSuspects: asked.usualSuspects ? await usualSuspects(deps, db, row, stage) : 0,
  };
  return { ...gateCountsOf(asked, answers), ...(await healthOf(db, row, at, nowMs)) };
}

/** Compared only where the gate asks for it: it reads the hours of many boards. */
async function healthOf(
  db: Reader,
  { id }: Rollout,
  { row, gate }: StageRowAt,
  nowMs: number,
): Promise<Pick<GateCounts, 'heapDropPct' | 'moreRestartsPct'>> {
  if (gate?.max_heap_drop_pct === undefined && gate?.max_more_restarts_pct === undefined)
    return { heapDropPct: undefined, moreRestartsPct: undefined };
  const health = await stageHealth(db, { rolloutId: id, stageId: row.id }, nowMs);
  return { heapDropPct: heapDropPct(health), moreRestartsPct: moreRestartsPct(health) };
}

/** One that is waited for is enough; those that sleep are looked at only where all the others are decided. */
async function isUndecided(
  deps: Deps,
  db: Reader,
  row: Rollout,
  { stage, gate }: { readonly stage: Stage; readonly gate: Gate | undefined },
  nowMs: number,
): Promise<boolean> {
  const of = { id: stage.id, rolloutId: row.id, silence: silenceAt(deps, nowMs) };
  for (let afterId = 0; ;) {
    const page = await listUndecided(db, of, { afterId, limit: UNDECIDED_PAGE });
    if (page.some((board) => isWaitedFor(board, (gate?.soak_s ?? 0) * 1000, nowMs))) return true;
    const last = page.at(-1);
    if (last === undefined || page.length < UNDECIDED_PAGE) return false;
    afterId = last.id;
    await nextTurn();
  }
}

async function countSleepers(
  deps: Deps,
  db: Reader,
  row: Rollout,
  { stage, gate }: { readonly stage: Stage; readonly gate: Gate | undefined },
  nowMs: number,
): Promise<number> {
  const of = { id: stage.id, rolloutId: row.id, silence: silenceAt(deps, nowMs) };
  return countAsleep(db, of, sleeperLimitMs((gate?.soak_s ?? 0) * 1000));
}

/**
 * Of a large fleet `sampleSilence` looks at some boards only, soon enough for a transaction. Where every board that is asked about was
 * removed since, nobody knows when it was heard of: then since the stage opened, so that the gate does not wait for ever.
 */
async function silenceSince(
  deps: Deps,
  db: Reader,
  {
    row,
    stage,
    look,
  }: { readonly row: Rollout; readonly stage: Stage; readonly look: 'countSilence' | 'sampleSilence' },
  foundAtMs: number | undefined,
  nowMs: number,
): Promise<Silence> {
  const stageOpenedAtMs = stage.opened_at_ms ?? nowMs;
  const lastHeardAtMs = foundAtMs ?? stageOpenedAtMs;
  const sum = await deps.others[look](db, row, { lastHeardAtMs, stageOpenedAtMs }, nowMs);
  return { ...sum, lastHeardAtMs, usualShare: sum.seen === 0 ? 0 : sum.silent / sum.seen };
}

/** Share of the boards without the build that name a fault of the firmware as their reset reason. */
async function usualSuspects(deps: Deps, db: Reader, row: Rollout, stage: Stage): Promise<number> {
  const { boards, suspects } = await deps.others.countSuspects(db, row, stage.opened_at_ms ?? 0);
  return boards === 0 ? 0 : suspects / boards;
}
