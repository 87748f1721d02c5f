// The heart: what one device is told now. Pure: the same facts and the same instant give the same decision, for the
// device on the wire, for `explain` and for the tests.

import { type Case, caseOf } from './case.ts';
import type {
  Facts,
  FirmwareFacts,
  ImageFacts,
  InstallWindow,
  OpenedStage,
  RolloutFacts,
} from '#engine/facts/model.ts';
import { stageOf } from './target.ts';
import type { Rule } from './rule-shape.ts';
import { type Reason, RULES } from './rules.ts';

export type Decision =
  /** `nextOfferAtMs`: the instant at which what holds is known to end. */
  | { readonly outcome: 'hold'; readonly reason: Reason; readonly nextOfferAtMs: number | undefined }
  | {
      readonly outcome: 'install' | 'rollback';
      readonly reason: Reason;
      readonly rollout: RolloutFacts;
      /** The stage that the device got its place from. */
      readonly stage: OpenedStage | undefined;
      /** That of the rollout, or a required version on the way there. */
      readonly firmware: FirmwareFacts;
      readonly image: ImageFacts;
      /** The hours of its own day in which the device may install; undefined: at any time. */
      readonly install: InstallWindow | undefined;
      /** Whether the board may put it off; `forced`: it could for long enough. Undefined: it was not asked. */
      readonly consent: 'optional' | 'forced' | undefined;
    };

/** The decision for one device at `nowMs` (UTC milliseconds). The rules stand in `rules.ts` and in docs/rollout.md. */
export function decide(facts: Facts, nowMs: number): Decision {
  const c = caseOf(facts, nowMs);
  return toDecision(
    c,
    RULES.find(({ matches }) => matches(c)),
  );
}

export interface RuleTrace {
  readonly rule: Reason;
  /** Undefined: not reached, an earlier rule decided. */
  readonly matched: boolean | undefined;
  readonly saw: string;
  readonly when: string;
  /** What would have to change for this rule to let the device pass; undefined where it is the one that offers. */
  readonly change: string | undefined;
}

/** The whole table with what each rule saw, and the decision: the same that `decide` makes. */
export function explain(
  facts: Facts,
  nowMs: number,
): { readonly decision: Decision; readonly trace: readonly RuleTrace[] } {
  const c = caseOf(facts, nowMs);
  const decidedAt = RULES.findIndex(({ matches }) => matches(c));
  const rules: readonly (Rule & { readonly id: Reason })[] = RULES;
  const trace = rules.map((rule, index) => ({
    rule: rule.id,
    matched: index > decidedAt ? undefined : index === decidedAt,
    saw: rule.saw(c),
    when: rule.when,
    change: rule.outcome === 'hold' ? rule.change(c) : undefined,
  }));
  return { decision: toDecision(c, RULES[decidedAt]), trace };
}

function toDecision(c: Case, rule: (typeof RULES)[number] | undefined): Decision {
  const { id: reason, outcome } = rule ?? { id: 'unknown', outcome: 'hold' };
  // An offer without target or image cannot be: the rules above hold such a case. If a new rule forgets it, hold.
  if (outcome === 'hold' || c.target === undefined || c.image === undefined) {
    return {
      outcome: 'hold',
      reason: outcome === 'hold' ? reason : 'unknown',
      nextOfferAtMs: holdEndsAtMs(c, reason),
    };
  }
  const { source, rollout, firmware } = c.target;
  // As a window that is closed does not hold the way back, one that the device keeps does not either.
  const install = source === 'prior_stable' || c.isOfferedNow ? undefined : c.facts.window?.install;
  return {
    outcome,
    reason,
    rollout,
    stage: stageOf(rollout, c.facts.device),
    firmware,
    image: c.image,
    install,
    consent: consentOf(c, outcome),
  };
}

function consentOf({ facts, target, nowMs }: Case, outcome: 'install' | 'rollback'): 'optional' | 'forced' | undefined {
  const consent = outcome === 'install' ? target?.rollout.consent : undefined;
  if (target === undefined || consent === undefined) return undefined;
  const firstMs = facts.firstOffers.get(target.rollout.id);
  const isOver = consent.forceAfterMs !== undefined && firstMs !== undefined && nowMs >= firstMs + consent.forceAfterMs;
  return isOver ? 'forced' : 'optional';
}

function holdEndsAtMs(c: Case, reason: Reason): number | undefined {
  if (reason === 'backing_off') return c.nextOfferAtMs;
  if (reason === 'device_held') return c.facts.device.hold?.untilMs;
  if (reason === 'product_frozen') return c.facts.freeze?.untilMs;
  return reason === 'window_closed' ? c.facts.window?.opensAtMs : undefined;
}
