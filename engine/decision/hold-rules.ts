// Rules about holds: what operators keep as it is, a board or a whole product.

import type { Case } from './case.ts';
import { type Hold, isHolding } from '#engine/facts/hold.ts';
import { type Rule, waitText } from './rule-shape.ts';

export const HOLD_RULES = [
  {
    id: 'device_held',
    outcome: 'hold',
    when: 'an operator holds the device (the way back from a build that was taken back stays open, unless the hold says otherwise)',
    matches: (c) => isHolding(c.facts.device.hold, isWayBack(c), c.nowMs),
    saw: (c) => holdFacts(c.facts.device.hold, c.nowMs),
    change: (c) => `${endText(c.facts.device.hold, c.nowMs)}otter device release ${c.facts.device.firstName}`,
  },
  {
    id: 'product_frozen',
    outcome: 'hold',
    when: 'an operator has frozen the product (the way back from a build that was taken back stays open, unless the freeze says otherwise)',
    matches: (c) => isHolding(c.facts.freeze, isWayBack(c), c.nowMs),
    saw: (c) => holdFacts(c.facts.freeze, c.nowMs),
    change: (c) => `${endText(c.facts.freeze, c.nowMs)}otter product unfreeze ${c.facts.device.product}`,
  },
] as const satisfies readonly Rule[];

function isWayBack({ target }: Case): boolean {
  return target?.source === 'prior_stable';
}

function holdFacts(hold: Hold | undefined, nowMs: number): string {
  if (hold === undefined) return 'no hold';
  const end = hold.untilMs === undefined ? 'without an end' : `ends${waitText(hold.untilMs, nowMs)}`;
  return `${hold.reason} (${end}; the way back is ${hold.holdsWayBack ? 'held too' : 'open'})`;
}

function endText(hold: Hold | undefined, nowMs: number): string {
  return hold?.untilMs === undefined ? '' : `it ends${waitText(hold.untilMs, nowMs)}, or: `;
}
