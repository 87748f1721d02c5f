// What a rollout would do with one device if its stages opened one after the other: the stage that takes it, or why it is
// left out. Pure, by the same rules as the decision itself; what only holds for a while leaves nobody out.

import { type Forecast, firstStageOf } from './forecast.ts';
import { type Decision, decide } from './decide.ts';
import type { Facts, RolloutFacts } from '#engine/facts/model.ts';
import { withoutEnd } from '#engine/facts/hold.ts';
import { knowsKeys } from '#engine/facts/signatures.ts';
import type { Reason } from './rules.ts';
import { isTakenBack, rolloutFor } from './target.ts';

export type Preview =
  | { readonly kind: 'in_no_stage' }
  | { readonly kind: 'taken'; readonly stage: number }
  | { readonly kind: 'left_out'; readonly stage: number; readonly reason: Reason | 'other_rollout' };

export type PreviewFacts = Pick<
  Facts,
  'device' | 'running' | 'stable' | 'requiredVersions' | 'takesUnsigned' | 'historyOf'
> & {
  /** The open rollouts of the product, the one started latest first. */
  readonly open: readonly RolloutFacts[];
};

/** `stage` is a position in `forecast.stages`. */
export function previewOf(forecast: Forecast, { open, ...known }: PreviewFacts): Preview {
  const stage = firstStageOf(forecast, known.device);
  if (stage === undefined) return { kind: 'in_no_stage' };
  const rollout: RolloutFacts = {
    ...forecast.rollout,
    status: 'running',
    opened: forecast.stages.slice(0, stage + 1),
    stageOpenedAtMs: stage < forecast.openedCount ? forecast.rollout.stageOpenedAtMs : Number.POSITIVE_INFINITY,
  };
  if (rolloutFor(withRollout(open, rollout), known.device) !== rollout)
    return { kind: 'left_out', stage, reason: 'other_rollout' };
  // No window, no trial, and late enough for every back-off to be over.
  const facts = {
    ...known,
    rollout,
    device: { ...known.device, onTrial: false, hold: withoutEnd(known.device.hold) },
    window: undefined,
    // As a pause of its rollouts: their boards are still to get the build.
    freeze: undefined,
    holdsOffer: false,
    isUnderWay: false,
    lastEndedAtMs: undefined,
    firstOffers: new Map(),
    budgets: [],
    load: undefined,
  };
  const decision = decide(facts, Number.POSITIVE_INFINITY);
  const isTaken = decision.outcome !== 'hold' && decision.rollout === rollout;
  if (isTaken) return { kind: 'taken', stage };
  return { kind: 'left_out', stage, reason: isLedOn(decision, known) ? 'release_key_unknown' : decision.reason };
}

/** It gets another build first, a stepping release: what this rollout brings it does not take yet. */
function isLedOn(decision: Decision, { device, running }: Pick<Facts, 'device' | 'running'>): boolean {
  return decision.outcome === 'install' && knowsKeys(device) && !isTakenBack(running);
}

/** In its place; a draft is the one that would be started latest. */
function withRollout(open: readonly RolloutFacts[], rollout: RolloutFacts): readonly RolloutFacts[] {
  return open.some(({ id }) => id === rollout.id)
    ? open.map((other) => (other.id === rollout.id ? rollout : other))
    : [rollout, ...open];
}
