// What a rollout would do with one device if its stages opened one after the other: the stage that takes it, or why it is
// left out. Pure, by the same rules as the decision itself; what only holds for a while leaves nobody out.

import { type Course, firstStageOf } from './course.ts';
import { decide } from './decide.ts';
import type { Facts } from './model.ts';
import type { Reason } from './rules.ts';

export type Preview =
  | { readonly kind: 'in_no_stage' }
  | { readonly kind: 'taken'; readonly stage: number }
  | { readonly kind: 'left_out'; readonly stage: number; readonly reason: Reason };

/** `stage` is a position in `course.stages`. */
export function previewOf(course: Course, facts: Omit<Facts, 'rollout' | 'window' | 'holdsOffer' | 'load'>): Preview {
  const stage = firstStageOf(course, facts.device);
  if (stage === undefined) return { kind: 'in_no_stage' };
  const rollout = {
    ...course.rollout,
    status: 'running',
    opened: course.stages.slice(0, stage + 1),
    stageOpenedAtMs: stage < course.openedCount ? course.rollout.stageOpenedAtMs : Number.POSITIVE_INFINITY,
  } as const;
  // No window, no trial, and late enough for every back-off to be over.
  const device = { ...facts.device, onTrial: false };
  const asked = { ...facts, device, rollout, window: undefined, holdsOffer: false, load: undefined };
  const decision = decide(asked, Number.POSITIVE_INFINITY);
  const isTaken = decision.outcome !== 'hold' && decision.rollout === rollout;
  return isTaken ? { kind: 'taken', stage } : { kind: 'left_out', stage, reason: decision.reason };
}
