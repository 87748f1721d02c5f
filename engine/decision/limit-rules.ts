// Rules about how many at a time: the pace of a stage, and the disruption budget of a place. They come last, so that what they need is
// counted only where everything else speaks for an offer.

import { type Case, isAtLimit, isWayBack, paceFacts } from './case.ts';
import { allowedOf, type BudgetOfDevice, isUsedUp } from '#engine/facts/budget.ts';
import type { Rule } from './rule-shape.ts';

export const LIMIT_RULES = [
  {
    id: 'in_flight_limit',
    outcome: 'hold',
    when: 'as many devices are in the middle of the update as `max_in_flight` of the open stage allows',
    matches: (c) => isAtLimit(c, c.target?.rollout.pace.maxInFlight, c.facts.load?.inFlight),
    saw: (c) => paceFacts(c.target?.rollout.pace.maxInFlight, c.facts.load?.inFlight, 'in flight', c),
    change: () => 'a device that is at it ends its update',
  },
  {
    id: 'offers_per_minute',
    outcome: 'hold',
    when: 'as many devices began the update within the last minute as `max_offers_per_minute` of the open stage allows',
    matches: (c) => isAtLimit(c, c.target?.rollout.pace.maxOffersPerMinute, c.facts.load?.offersInLastMinute),
    saw: (c) =>
      paceFacts(c.target?.rollout.pace.maxOffersPerMinute, c.facts.load?.offersInLastMinute, 'in the last minute', c),
    change: () => 'the minute passes; the device asks again by itself',
  },
  {
    id: 'budget_used_up',
    outcome: 'hold',
    when: 'as many devices with the same value of a label key (such as site=berlin) are in the middle of an update, or lost after one, as its budget allows (the way back needs none)',
    matches: (c) => usedUp(c).length > 0,
    saw: (c) => budgetFacts(c.facts.budgets),
    change: (c) => `a device of ${usedUp(c)[0]?.label ?? 'its place'} ends its update, or comes back`,
  },
] as const satisfies readonly Rule[];

function usedUp(c: Case): readonly BudgetOfDevice[] {
  return c.facts.isUnderWay || isWayBack(c) ? [] : c.facts.budgets.filter(isUsedUp);
}

function budgetFacts(budgets: readonly BudgetOfDevice[]): string {
  if (budgets.length === 0) return 'no budget applies';
  return budgets
    .map(({ label, budget, use }) =>
      use === undefined
        ? `${label}: not counted`
        : `${label}: ${use.disrupted} of ${allowedOf(budget, use.devices)} others at it or lost`,
    )
    .join('; ');
}
