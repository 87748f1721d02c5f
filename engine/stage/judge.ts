// What is done with a rollout now: every stage that has opened is judged by its own gate, over all that its boards have shown,
// until the watch after completion ends. Pure; the tick of the server takes the step, and so does a simulation.

import type { Gate } from '#protocol/admin/plan.ts';
import type { Promotion, RolloutStatus } from '#engine/facts/model.ts';
import { isOutage, judgeStage, type GateCounts, type Verdict } from './gate.ts';

/** A stage that has opened, with what became of its boards. */
export interface OpenedStageFacts {
  readonly name: string;
  readonly promotion: Promotion;
  readonly gate: Gate | undefined;
  readonly gateCounts: GateCounts;
}

export type Step =
  | { readonly do: 'stay' }
  | { readonly do: 'promote'; readonly from: string; readonly reason: string }
  | { readonly do: 'halt' | 'regress'; readonly stage: string; readonly reason: string; readonly revert: boolean };

export interface Judgement {
  /** Of each stage with a gate, by the name of the stage. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly step: Step;
}

/** Limits that hold for a stage without a gate: they call people, and never do anything by themselves. */
export const WATCH_LIMITS: Gate = { min_confirmed: 3, max_failed_pct: 10 };

/** `stages`: those that have opened, in their order; the last one is open. */
export function judgeRollout(status: RolloutStatus, stages: readonly OpenedStageFacts[], nowMs: number): Judgement {
  const judged = stages.flatMap((stage) =>
    stage.gate === undefined
      ? []
      : [{ stage, gate: stage.gate, verdict: judgeStage(stage.gate, stage.gateCounts, nowMs) }],
  );
  const verdicts = new Map(judged.map(({ stage, verdict }) => [stage.name, verdict]));
  const bad = judged.find(({ verdict }) => verdict.state === 'failed');
  if (bad !== undefined) {
    const command = status === 'running' ? 'halt' : 'regress';
    const reason = `the gate of stage ${bad.stage.name} failed: ${bad.verdict.text}`;
    const revert = command === 'halt' && bad.gate.on_halt === 'revert' && bad.verdict.mayRevert;
    const canAct = status === 'running' || status === 'complete';
    return { verdicts, step: canAct ? { do: command, stage: bad.stage.name, reason, revert } : { do: 'stay' } };
  }
  const open = stages.at(-1);
  const verdict = open === undefined ? undefined : verdicts.get(open.name);
  // While it is not clear what the silence of an earlier stage says, no further one opens.
  const isUnclear = judged.some((each) => isOutage(each.verdict));
  if (status !== 'running' || open?.promotion !== 'auto' || verdict?.state !== 'passed' || isUnclear)
    return { verdicts, step: { do: 'stay' } };
  return { verdicts, step: { do: 'promote', from: open.name, reason: verdict.text } };
}

/**
 * Whether the gate fails for some number of available boards. With none the sample is smallest and the gate strictest, so
 * where it does not fail then, nobody needs to count them: most failures (of the network, say) end here.
 */
export function mayFail(gate: Gate, gateCounts: GateCounts, nowMs: number): boolean {
  return judgeStage(gate, { ...gateCounts, available: 0 }, nowMs).state === 'failed';
}
