// One device tries again: what an operator cancelled on it is offered again, and what failed on it is forgiven.

import type { Device, DeviceRetried } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { NOT_CANCELLED, saveOrder } from '#server/db/fleet/orders.ts';
import type { Deps } from '#server/service/deps.ts';
import { clearWithin } from '#server/service/fleet/clear-known-bad.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';
import { viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { lockCase, refuse } from './device-case.ts';
import { viewCancelled } from './stored-orders.ts';

/** Throws `device_unknown`, and `invalid_transition` where nothing was cancelled on it and nothing failed. */
export async function retryDevice(
  deps: Deps,
  ref: DeviceRef,
  by: Principal,
  nowMs: number,
): Promise<DeviceRetried & { readonly device: Device }> {
  await deps.presence.flush();
  const retried = await deps.database.write(async (trx) => {
    const { row, view } = await lockCase(deps, trx, ref, nowMs);
    const cancelled = viewCancelled(row, view);
    const { builds } = await clearWithin(trx, view, row, {}, nowMs);
    if (cancelled === null && builds.length === 0)
      throw refuse(row, 'has nothing to try again: nothing is cancelled on it, and nothing that counts has failed');
    await saveOrder(trx, [row.id], NOT_CANCELLED);
    await countAnew(trx, [{ ...row, ...NOT_CANCELLED }]);
    const details = { cancelled: cancelled?.version, failed: builds.map(({ version }) => version) };
    const data = { actor: actorOf(by), cancelled: cancelled?.version };
    await addHoldEvent(trx, { at_ms: nowMs, product: row.product, device: row, type: 'device.retried', data });
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'device.retry', subject: row.first_name, details });
    return { cancelled: cancelled?.version ?? null, builds: [...builds] };
  });
  return { ...retried, device: await viewOne(deps, ref, nowMs) };
}
