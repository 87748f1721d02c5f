// Offers one device now what there is for it: past windows, pace and its own rest; never past a gate, a block or a hold. The order ends
// with the update, or after a day.

import type { Device } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { saveOrder } from '#server/db/fleet/orders.ts';
import type { Deps } from '#server/service/deps.ts';
import { viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { lockCase, refuse } from './device-case.ts';

/** Throws `device_unknown`, and `invalid_transition` where something else holds it, or there is nothing for it. */
export async function offerNow(deps: Deps, ref: DeviceRef, by: Principal, nowMs: number): Promise<Device> {
  await deps.presence.flush();
  await deps.database.write(async (trx) => {
    const { row, decideWith } = await lockCase(deps, trx, ref, nowMs);
    const order = { offer_now_at_ms: nowMs, offer_now_by: actorOf(by) };
    const { decision, text } = decideWith(order);
    if (decision.outcome === 'hold') throw refuse(row, `cannot be offered anything now: ${text}`);
    await saveOrder(trx, [row.id], order);
    const details = { version: decision.firmware.version };
    const data = { actor: actorOf(by), ...details };
    await addHoldEvent(trx, { at_ms: nowMs, product: row.product, device: row, type: 'device.offered_now', data });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.offer_now',
      subject: row.first_name,
      details,
    });
  });
  return viewOne(deps, ref, nowMs);
}
