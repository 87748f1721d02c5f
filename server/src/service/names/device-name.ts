// What operators call a device. One name means one device, in whichever letter case: it stands wherever a MAC does, and a name that two
// boards have would send a hold or a removal to the wrong one.

import type { Device } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import { type DeviceId, type DeviceRef, givenNameFault, givenNameKey } from '#protocol/identity.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { findGiven, saveGivenName } from '#server/db/fleet/device-names.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { getRow, holdAll, viewOne } from '#server/service/fleet/devices.ts';
import { sortDevices } from '#server/service/groups/dynamic-labels.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';

/** An empty name takes it away. Throws `device_unknown`, `name_invalid`, `name_taken`. */
export async function nameDevice(
  deps: Deps,
  ref: DeviceRef,
  typed: string,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  const name = readGivenName(typed);
  const id = await deps.database.write(async (trx) => {
    await holdAll(trx, [ref]);
    const row = await getRow(trx, ref);
    const was = row.given_name;
    if (name === was) return row.id;
    if (name !== null) await refuseTaken(trx, name, row.id);
    await saveGivenName(trx, row.id, name);
    await sortDevices(deps, trx, [row.id], nowMs);
    const device = { id: row.id, first_name: row.first_name, given_name: name };
    const data = { actor: actorOf(by), was };
    await addHoldEvent(trx, { at_ms: nowMs, product: row.product, type: 'device.named', device, data });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.name',
      subject: row.first_name,
      details: { name, was },
    });
    return row.id;
  });
  return viewOne(deps, id, nowMs);
}

/** As it is stored, null for an empty one. Throws `name_invalid`. */
function readGivenName(typed: string): string | null {
  const name = typed.normalize('NFC').trim().replaceAll(/ +/g, ' ');
  if (name === '') return null;
  const fault = givenNameFault(name);
  if (fault !== undefined)
    throw new OtterError('name_invalid', `name ${JSON.stringify(name.slice(0, 80))}: ${fault}`, 'for example sensor-2');
  return name;
}

async function refuseTaken(db: Reader, name: string, id: DeviceId): Promise<void> {
  const other = await findGiven(db, { kind: 'given', text: givenNameKey(name) });
  if (other === undefined || other.id === id) return;
  throw new OtterError(
    'name_taken',
    `device ${other.first_name} has the name ${name} already`,
    'choose another one, or take it away there first: a name means one device',
  );
}
