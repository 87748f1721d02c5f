// What the limits need to be judged, counted only where nothing else stands in the way of an offer.

import type { DeviceId } from '#protocol/identity.ts';
import { countLoad } from '#server/db/device/assignments.ts';
import { countBudgetUse } from '#server/db/fleet/budgets.ts';
import type { Reader } from '#server/db/schema.ts';
import type { FactsOfDevice } from './facts.ts';

/** `deviceId` undefined: the device is new, and has no label. */
export async function countLimits(
  db: Reader,
  { rollout, budgets }: FactsOfDevice,
  deviceId: DeviceId | undefined,
  nowMs: number,
): Promise<Pick<FactsOfDevice, 'load' | 'budgets'>> {
  const load = rollout === undefined ? undefined : await countLoad(db, rollout.id, nowMs);
  if (deviceId === undefined || budgets.length === 0) return { load, budgets };
  const counted = [];
  for (const budget of budgets) counted.push({ ...budget, use: await countBudgetUse(db, budget.label, deviceId) });
  return { load, budgets: counted };
}
