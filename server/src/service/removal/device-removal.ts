// Takes a device away, with everything that is known of it. It is no ban: a board that goes on checking in is a new device with its
// next check. What it showed in rollouts stays counted there.

import type { RemovedDevice } from '#protocol/admin/devices.ts';
import { type DeviceRef, textOfDeviceId } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvents } from '#server/db/events/events.ts';
import { countAssignments, deleteDevices, findOpenOffer, type OpenOffer } from '#server/db/fleet/device-removal.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import { noteRemovals } from '#server/db/fleet/removed-devices.ts';
import { listLabelsOf } from '#server/db/fleet/labels.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';
import { getRow, holdAll } from '#server/service/fleet/devices.ts';

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
    const removed = await describeRemoved(trx, device);
    if (!isConfirmed) throw unconfirmed(removed, device, await findOpenOffer(trx, device.id));
    await forget(trx, [device], undefined, by, nowMs);
    const { mac: subject, ...details } = removed;
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'device.remove', subject, details });
    return removed;
  });
}

type Forgotten = Pick<SeenDeviceRow, 'id' | 'first_name' | 'given_name' | 'product' | 'is_simulated'>;

/**
 * The devices go, and that they were there stays known: a simulated one leaves no trace, there would be thousands. `heir`: the board
 * that takes the place of the only one.
 */
export async function forget(
  trx: Trx,
  devices: readonly Forgotten[],
  heir: Pick<SeenDeviceRow, 'id' | 'first_name'> | undefined,
  by: Principal,
  nowMs: number,
): Promise<void> {
  const [replaced_by_id, replaced_by] = [heir?.id ?? null, heir?.first_name ?? null];
  const removal = { removed_at_ms: nowMs, removed_by: actorOf(by), replaced_by_id, replaced_by };
  await noteRemovals(
    trx,
    devices.filter(({ is_simulated }) => is_simulated === 0 || heir !== undefined).map(({ id }) => id),
    removal,
  );
  const type = heir === undefined ? 'device.removed' : 'device.replaced';
  const data = { actor: actorOf(by), replaced_by };
  await deleteDevices(
    trx,
    devices.map(({ id }) => id),
    nowMs,
  );
  await addHoldEvents(
    trx,
    devices.map((device) => ({ at_ms: nowMs, product: device.product, type, device, data })),
  );
}

export async function describeRemoved(
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

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
