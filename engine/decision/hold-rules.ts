// Rules about what operators keep as it is: a board, a whole product, or a board without one build.

import { type Case, isWayBack } from './case.ts';
import { type Hold, isHolding } from '#engine/facts/hold.ts';
import type { Cancelled } from '#engine/facts/orders.ts';
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
  {
    id: 'update_cancelled',
    outcome: 'hold',
    when: 'an operator cancelled this build on the device, or sent the device back from it: it waits for another build',
    matches: (c) => !isWayBack(c) && isCancelled(c),
    saw: (c) => cancelledFacts(c.facts.device.cancelled),
    change: (c) => `another build is rolled out to it, or: otter device retry ${c.facts.device.firstName}`,
  },
] as const satisfies readonly Rule[];

/** Also on the way there: a required version before a cancelled build would bring the device nothing. */
function isCancelled({ facts: { device }, target }: Case): boolean {
  const id = device.cancelled?.firmwareId;
  return id !== undefined && (id === target?.firmware.id || id === target?.rollout.firmware.id);
}

function cancelledFacts(cancelled: Cancelled | undefined): string {
  if (cancelled === undefined) return 'no build is cancelled on the device';
  return cancelled.goesBack ? `sent back: ${cancelled.reason}` : cancelled.reason;
}

function holdFacts(hold: Hold | undefined, nowMs: number): string {
  if (hold === undefined) return 'no hold';
  const end = hold.untilMs === undefined ? 'without an end' : `ends${waitText(hold.untilMs, nowMs)}`;
  return `${hold.reason} (${end}; the way back is ${hold.holdsWayBack ? 'held too' : 'open'})`;
}

function endText(hold: Hold | undefined, nowMs: number): string {
  return hold?.untilMs === undefined ? '' : `it ends${waitText(hold.untilMs, nowMs)}, or: `;
}
