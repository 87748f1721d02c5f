// What the gates of a rollout say now: counts the boards of every stage that has opened and asks the engine. It only reads.

import { Value } from 'typebox/value';
import { countsOf } from '#engine/stage/counts.ts';
import type { Tally } from '#engine/stage/gate.ts';
import { judgeRollout, type Judgement, mayFail, WATCH_LIMITS } from '#engine/stage/judge.ts';
import { failureTallyOf, missingOf, NO_ANSWERS, questionsOf, tallyOf } from '#engine/stage/questions.ts';
import { isWaitedFor, type Silence } from '#engine/stage/silence.ts';
import { FIRMWARE_CAUSES } from '#engine/outcome/restart.ts';
import { Gate } from '#protocol/plan.ts';
import {
  countBoards,
  countSilence,
  countSuspects,
  findLastDeviceId,
  findLastHeardOfLost,
  listUndecided,
  type SilenceCounts,
  type StageGroup,
} from '#server/db/board-counts.ts';
import { listStages, type Rollout, type Stage } from '#server/db/rollouts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from './deps.ts';
import { defaultLimitMs } from './devices.ts';

/** Devices looked at in one statement: some milliseconds on SQLite, during which nobody else is served. */
const RANGE = 5_000;
const UNDECIDED_PAGE = 500;

/** A stage that has opened, with its boards. */
export interface JudgedStage {
  readonly row: Stage;
  readonly name: string;
  readonly promotion: Stage['promotion'];
  readonly gate: Gate | undefined;
  readonly groups: readonly StageGroup[];
  readonly tally: Tally;
}

export interface JudgedRollout extends Judgement {
  /** Those that have opened, in their order. */
  readonly stages: readonly JudgedStage[];
}

/** Of a rollout that has opened a stage; one that is a draft has none. */
export async function judge(deps: Deps, db: Reader, row: Rollout, nowMs: number): Promise<JudgedRollout> {
  const opened = (await listStages(db, [row.id])).filter((stage) => stage.opened_at_ms !== null);
  const groups = Map.groupBy(await countBoards(db, row.id), ({ stageId }) => stageId);
  const stages: JudgedStage[] = [];
  for (const [index, stage] of opened.entries())
    stages.push(
      await judgedStage(
        deps,
        db,
        row,
        { stage, groups: groups.get(stage.id) ?? [], isOpen: index === opened.length - 1, isFirst: index === 0 },
        nowMs,
      ),
    );
  return { ...judgeRollout(row.status, stages, nowMs), stages };
}

/**
 * The same after a failure, inside the transaction that stored it; undefined where it cannot be one too many, which most are
 * not. It asks only what SQL counts from an index: boards that could still become healthy are not looked for.
 */
export async function judgeFailure(
  deps: Deps,
  db: Reader,
  row: Rollout,
  nowMs: number,
): Promise<Judgement | undefined> {
  const opened = (await listStages(db, [row.id])).filter((stage) => stage.opened_at_ms !== null);
  const groups = Map.groupBy(await countBoards(db, row.id), ({ stageId }) => stageId);
  const stages = opened.map((stage) => {
    const gate = gateOf(stage);
    const counts = countsOf(gate ?? WATCH_LIMITS, groups.get(stage.id) ?? []);
    return { name: stage.name, promotion: stage.promotion, gate, counts };
  });
  const isPossible = ({ gate, counts }: (typeof stages)[number]): boolean =>
    gate !== undefined && mayFail(gate, tallyOf({ counts, anyLeft: false }, NO_ANSWERS), nowMs);
  if (!stages.some(isPossible)) return undefined;
  const last = stages.at(-1);
  const missing = last?.gate === undefined ? 0 : missingOf(last.gate, last.counts);
  const reachable = missing === 0 ? 0 : await deps.waiting.countReachable(db, row, missing, nowMs);
  const certain = stages.map(({ counts, ...stage }, index) => ({
    ...stage,
    tally: failureTallyOf(counts, index === stages.length - 1 ? reachable : 0),
  }));
  return judgeRollout(row.status, certain, nowMs);
}

/** What was stored has passed the schema when it came in; what has not is no gate that could pass. */
export function gateOf(stage: Pick<Stage, 'gate'>): Gate | undefined {
  return stage.gate === null ? undefined : Value.Parse(Gate, JSON.parse(stage.gate));
}

interface OpenedStage {
  readonly stage: Stage;
  readonly groups: readonly StageGroup[];
  /** The one that opened last. */
  readonly isOpen: boolean;
  readonly isFirst: boolean;
}

async function judgedStage(
  deps: Deps,
  db: Reader,
  row: Rollout,
  { stage, groups, isOpen, isFirst }: OpenedStage,
  nowMs: number,
): Promise<JudgedStage> {
  const gate = gateOf(stage);
  const asked = questionsOf(row.status, { gate, groups, isOpen, isFirst });
  const reachable = asked.reachable === 0 ? 0 : await deps.waiting.countReachable(db, row, asked.reachable, nowMs);
  const tally = tallyOf(asked, {
    reachable,
    isAnyLeft: !asked.anyLeft || reachable > 0 || (await deps.waiting.isAnyLeft(db, row)),
    isUndecided: asked.undecided && (await isUndecided(deps, db, row, { stage, gate }, nowMs)),
    silence: asked.silence ? await silenceOf(deps, db, row, stage, nowMs) : undefined,
    usualSuspects: asked.usualSuspects ? await usualSuspects(db, row, stage) : 0,
  });
  return { row: stage, name: stage.name, promotion: stage.promotion, gate, groups, tally };
}

/** One that is waited for is enough; those that sleep are looked at only where all the others are decided. */
async function isUndecided(
  deps: Deps,
  db: Reader,
  row: Rollout,
  { stage, gate }: { readonly stage: Stage; readonly gate: Gate | undefined },
  nowMs: number,
): Promise<boolean> {
  const of = { id: stage.id, rolloutId: row.id, defaultLimitMs: defaultLimitMs(deps.settings) };
  for (let afterId = 0; ;) {
    const page = await listUndecided(db, of, { afterId, limit: UNDECIDED_PAGE });
    if (page.some((board) => isWaitedFor(board, (gate?.soak_s ?? 0) * 1000, nowMs))) return true;
    const last = page.at(-1);
    if (last === undefined || page.length < UNDECIDED_PAGE) return false;
    afterId = last.id;
  }
}

async function silenceOf(
  deps: Deps,
  db: Reader,
  row: Rollout,
  stage: Stage,
  nowMs: number,
): Promise<Silence | undefined> {
  const lastHeardAtMs = await findLastHeardOfLost(db, row.id, stage.id);
  if (lastHeardAtMs === undefined) return undefined;
  const ask = {
    product: row.product,
    rolloutId: row.id,
    lastHeardAtMs,
    stageOpenedAtMs: stage.opened_at_ms ?? nowMs,
    defaultLimitMs: defaultLimitMs(deps.settings),
    absences: deps.absences.recent(),
    nowMs,
  };
  const lastId = await findLastDeviceId(db);
  let sum: SilenceCounts = NOBODY;
  for (let afterId = 0; afterId < lastId; afterId += RANGE)
    sum = add(sum, await countSilence(db, ask, { afterId, untilId: afterId + RANGE }));
  return { ...sum, lastHeardAtMs, usualShare: sum.seen === 0 ? 0 : sum.silent / sum.seen };
}

/** Share of the boards without the build that name a fault of the firmware as their reset reason. */
async function usualSuspects(db: Reader, row: Rollout, stage: Stage): Promise<number> {
  const { boards, suspects } = await countSuspects(db, {
    product: row.product,
    rolloutId: row.id,
    seenSinceMs: stage.opened_at_ms ?? 0,
    causes: FIRMWARE_CAUSES,
  });
  return boards === 0 ? 0 : suspects / boards;
}

const NO_ONE = { alive: 0, overdue: 0, notDue: 0 } as const;
const NOBODY: SilenceCounts = { without: NO_ONE, all: NO_ONE, seen: 0, silent: 0 };

function add(one: SilenceCounts, other: SilenceCounts): SilenceCounts {
  const both = (left: SilenceCounts['all'], right: SilenceCounts['all']) => ({
    alive: left.alive + right.alive,
    overdue: left.overdue + right.overdue,
    notDue: left.notDue + right.notDue,
  });
  return {
    without: both(one.without, other.without),
    all: both(one.all, other.all),
    seen: one.seen + other.seen,
    silent: one.silent + other.silent,
  };
}
