// What the gates of a simulated rollout say: asks of each stage what the engine wants to know of it, and lets the engine judge,
// as `service/gates/judge.ts` does for a server.

import { countsOf } from '#engine/stage/counts.ts';
import type { GateCounts } from '#engine/stage/gate.ts';
import { judgeRollout, type Judgement, mayFail, WATCH_LIMITS } from '#engine/stage/judge.ts';
import { failureCountsOf, questionsOf, gateCountsOf, worstCountsOf } from '#engine/stage/questions.ts';
import { type BoardHealth, isHealthAsked } from '#simulator/simulation/boards/health.ts';
import type { RolloutLife, StageState } from './rollout-life.ts';
import { answersTo, type AskedStage, countReachable, type Known, trialSilenceIn } from './stage-answers.ts';

export interface Judged {
  readonly judgement: Judgement;
  /** Of the opened stages, in their order. */
  readonly countsOfStages: readonly GateCounts[];
  /** It says the same until a board changes something. */
  readonly isTimeless: boolean;
}

export function judgeNow(life: RolloutLife, known: Known, health: BoardHealth | undefined, nowMs: number): Judged {
  const asked = life.opened.map((stage, at) => askOf(life, stage, at));
  const countsOfStages = asked.map(({ stage, questions }) => {
    const fares = isHealthAsked(stage.plan.gate) ? health?.of(stage.boards, nowMs) : undefined;
    return { ...gateCountsOf(questions, answersTo(questions, askedOf(stage, nowMs), known, nowMs)), ...fares };
  });
  const judgement = judgeRollout(life.status, facts(life, countsOfStages), nowMs);
  return { judgement, countsOfStages, isTimeless: asked.every(isTimeless) };
}

/** The same at once after a failure; undefined where it cannot be one too many. */
export function judgeFailure(life: RolloutLife, known: Known, nowMs: number): Judged | undefined {
  const counted = life.opened.map(({ plan, boards }) => ({
    gate: plan.gate,
    counts: countsOf(plan.gate ?? WATCH_LIMITS, boards.groups),
  }));
  const isPossible = ({ gate, counts }: (typeof counted)[number]): boolean =>
    gate !== undefined && mayFail(gate, worstCountsOf(counts), nowMs);
  if (!counted.some(isPossible)) return undefined;
  const countsOfStages = life.opened.map((stage, at) => {
    const { counts, reachable, trialSilence } = askOf(life, stage, at).questions;
    return failureCountsOf(counts, {
      reachable: reachable > 0 ? countReachable(known, reachable, nowMs) : 0,
      trialSilence: trialSilence ? trialSilenceIn(askedOf(stage, nowMs), known, nowMs) : undefined,
    });
  });
  return {
    judgement: judgeRollout(life.status, facts(life, countsOfStages), nowMs),
    countsOfStages,
    isTimeless: false,
  };
}

function facts(life: RolloutLife, countsOfStages: readonly GateCounts[]) {
  return life.opened.flatMap(({ plan: { name, promotion, gate } }, at) => {
    const gateCounts = countsOfStages[at];
    return gateCounts === undefined ? [] : [{ name, promotion, gate, gateCounts }];
  });
}

function askOf(life: RolloutLife, stage: StageState, at: number) {
  const { gate } = stage.plan;
  const { groups } = stage.boards;
  const isOpen = at === life.opened.length - 1;
  return { stage, questions: questionsOf(life.status, { gate, groups, isOpen, isFirst: at === 0 }) };
}

function askedOf({ plan: { gate }, boards, openedAtMs }: StageState, nowMs: number): AskedStage {
  return { gate, boards, openedAtMs: openedAtMs ?? nowMs };
}

function isTimeless({ stage, questions }: ReturnType<typeof askOf>): boolean {
  const { undecided, silence, trialSilence, reachable, anyLeft } = questions;
  return !isHealthAsked(stage.plan.gate) && !undecided && !silence && !trialSilence && reachable === 0 && !anyLeft;
}
