// What is done with an open stage now: its gate is judged on the counts, and the verdict becomes a step. Pure; the tick of
// the server takes the step, and so does a simulation.

import type { Gate } from '#protocol/plan.ts';
import { hasSample, judgeStage, type Tally, type Verdict } from './gate.ts';
import type { Promotion } from '../facts/model.ts';
import type { Answers } from './tally.ts';

/** An open stage with a gate. */
export interface GatedStage {
  readonly name: string;
  readonly promotion: Promotion;
  readonly gate: Gate;
  /** When the sample was found to be confirmed, as it was stored; undefined: not yet. */
  readonly sampleReachedAtMs: number | undefined;
}

export interface Judgement {
  readonly tally: Tally;
  readonly verdict: Verdict;
  readonly hasSample: boolean;
}

export type Step =
  | { readonly do: 'stay' }
  /** Store since when the sample is confirmed (now, or that it is not any more), then judge again. */
  | { readonly do: 'save_sample'; readonly isReached: boolean }
  | { readonly do: 'halt' | 'promote'; readonly reason: string };

/** What the gate says of these counts. A sample that is not confirmed any more begins to soak anew. */
export function judge(stage: GatedStage, counts: Omit<Tally, 'sampleReachedAtMs'>, nowMs: number): Judgement {
  const isReached = hasSample(stage.gate, counts);
  const tally = { ...counts, sampleReachedAtMs: isReached ? stage.sampleReachedAtMs : undefined };
  return { tally, verdict: judgeStage(stage.gate, tally, nowMs), hasSample: isReached };
}

/**
 * Whether the gate fails for some number of available devices. With none the sample is smallest and the gate strictest, so
 * where it does not fail then, nobody needs to count them: most failures (of the network, say) end here.
 */
export function mayFail({ gate }: GatedStage, answers: Answers, nowMs: number): boolean {
  const counts = { ...answers, open: 0, available: 0, sampleReachedAtMs: undefined };
  return judgeStage(gate, counts, nowMs).state === 'failed';
}

export function nextStep(stage: GatedStage, { verdict, hasSample: isReached }: Judgement): Step {
  if (verdict.state === 'failed')
    return { do: 'halt', reason: `the gate of stage ${stage.name} failed: ${verdict.text}` };
  if (isReached !== (stage.sampleReachedAtMs !== undefined)) return { do: 'save_sample', isReached };
  return verdict.state === 'passed' && stage.promotion === 'auto'
    ? { do: 'promote', reason: verdict.text }
    : { do: 'stay' };
}
