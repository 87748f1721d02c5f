// Whether a board counts in gates: what an operator says of it, and boards that are taken for two. What the rules say of a board
// when it is offered a build stands with its assignment; a change reaches the assignments that still speak for it.

import type { Device } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { isShared } from '#engine/outcome/shared-mac.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { type DeviceRow, saveContradictions, saveOverride } from '#server/db/fleet/devices.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';
import { getRow, viewOne } from './devices.ts';

export interface CountedChange {
  /** `auto`: the rules decide. */
  readonly counted: 'yes' | 'no' | 'auto';
  readonly reason?: string | undefined;
}

/** Throws `device_unknown`. */
export async function setCounted(
  deps: Deps,
  device: DeviceRef,
  change: CountedChange,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  await deps.database.write(async (trx) => {
    const row = await getRow(trx, device);
    const counted = change.counted === 'auto' ? null : change.counted;
    await saveOverride(trx, row.id, { counted, counted_reason: change.reason ?? null });
    await countAnew(trx, [{ ...row, counted }]);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.counted',
      subject: row.first_name,
      details: { ...change },
    });
  });
  return viewOne(deps, device, nowMs);
}

/** One more sign that its MAC is that of two boards. */
export async function noteContradiction(trx: Trx, device: DeviceRow, nowMs: number): Promise<void> {
  const contradictions = device.contradictions + 1;
  const isNewlyShared = device.shared_mac_at_ms === null && isShared(contradictions);
  const shared_mac_at_ms = isNewlyShared ? nowMs : device.shared_mac_at_ms;
  await saveContradictions(trx, device.id, { contradictions, shared_mac_at_ms });
  if (isNewlyShared) await countAnew(trx, [{ ...device, shared_mac_at_ms }]);
}
