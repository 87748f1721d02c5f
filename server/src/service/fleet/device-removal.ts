// Takes a device away, with everything that is known of it. It is no ban: a board that goes on checking in is a new device with its
// next check. What it showed in rollouts stays counted there.

import type { RemovedDevice } from '#protocol/admin/devices.ts';
import { type DeviceRef, textOfDeviceId } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { countAssignments, deleteDevice, findOpenOffer, type OpenOffer } from '#server/db/fleet/device-removal.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import { listLabelsOf } from '#server/db/fleet/labels.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';
import { getRow, holdAll } from './devices.ts';

/** Throws `device_unknown`, and `confirmation_needed` with what goes, until it is confirmed. */
export async function removeDevice(
  deps: Deps,
  { device: ref, isConfirmed }: { readonly device: DeviceRef; readonly isConfirmed: boolean },
  by: Principal,
  nowMs: number,
): Promise<RemovedDevice> {
  await deps.presence.flush();
  return deps.database.write(async (trx) => {
    await holdAll(trx, [ref]);
    const device = await getRow(trx, ref);
    const removed = await describe(trx, device);
    if (!isConfirmed) throw unconfirmed(removed, device, await findOpenOffer(trx, device.id));
    await deleteDevice(trx, device.id, nowMs);
    const { mac: subject, ...details } = removed;
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'device.remove', subject, details });
    return removed;
  });
}

async function describe(
  trx: Trx,
  { id, first_name, given_name, product, current_version }: SeenDeviceRow,
): Promise<RemovedDevice> {
  const labels = (await listLabelsOf(trx, [id])).get(id) ?? [];
  const assignments = await countAssignments(trx, id);
  return {
    device_id: textOfDeviceId(id),
    mac: first_name,
    name: given_name,
    product,
    current_version,
    labels: [...labels],
    assignments,
  };
}

function unconfirmed(
  { mac, product, current_version, labels, assignments }: RemovedDevice,
  { last_seen_at_ms }: SeenDeviceRow,
  open: OpenOffer | undefined,
): OtterError {
  const said = [
    `device ${mac} (${product} ${current_version}, last seen ${toInstant(last_seen_at_ms)}) would be forgotten`,
    `with ${counted(assignments, 'assignment')} and ${labels.length === 0 ? 'no label' : `${labels.length === 1 ? 'label' : 'labels'} ${labels.join(', ')}`}`,
    ...(open === undefined
      ? []
      : [
          `it is in the middle of rollout ${open.rollout} (${open.version}, ${open.state}): how that ends is not known then`,
        ]),
    'what it showed in rollouts stays counted; with its next check it is a new device',
  ];
  return new OtterError('confirmation_needed', `${said[0]} ${said.slice(1).join('; ')}`, 'add --yes (confirm=true)');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
