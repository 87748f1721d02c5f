// Holds one device: it is offered nothing new until it is released, or until the end that was said. What it was offered and has not
// begun to install is taken back, and no gate waits for it. A device that installs already goes on: nobody can stop it from here.

import type { Device } from '#protocol/admin/devices.ts';
import type { NewHold } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceId, DeviceRef } from '#protocol/identity.ts';
import { supersedeUngiven } from '#server/db/device/assignments.ts';
import { leaveOutUngiven } from '#server/db/device/left-out.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import { type HoldColumns, listEndedHolds, NOT_HELD, saveHold } from '#server/db/fleet/holds.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';
import { getRow, holdAll, viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, CLOCK, type Principal } from '#server/service/principal.ts';
import { detailsOf, readHold, viewHold } from './stored-hold.ts';

/** Holds that end with one tick, one transaction each; the others follow with the next one. */
const ENDED_AT_ONCE = 500;

/** A device that is held already is held by this from now on. Throws `device_unknown`, `reason_missing`, `field_invalid`. */
export async function holdDevice(
  deps: Deps,
  ref: DeviceRef,
  asked: NewHold,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  const hold = readHold(asked, by, nowMs);
  await deps.database.write(async (trx) => {
    await holdAll(trx, [ref]);
    const row = await getRow(trx, ref);
    await putHold(trx, row, hold, by, nowMs);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.hold',
      subject: row.first_name,
      details: detailsOf(hold),
    });
  });
  return viewOne(deps, ref, nowMs);
}

/** The same inside the transaction of a caller, which writes the audit. */
export async function putHold(
  trx: Trx,
  device: SeenDeviceRow,
  hold: HoldColumns,
  by: Principal,
  nowMs: number,
): Promise<void> {
  await saveHold(trx, [device.id], hold);
  const includesWayBack = hold.holds_way_back === 1;
  await supersedeUngiven(trx, [device.id], { includesWayBack, data: { held: true } }, nowMs);
  await leaveOutUngiven(trx, [device.id], { counted: 'held' });
  await tell(trx, device, { type: 'device.held', data: { actor: actorOf(by), ...detailsOf(hold) } }, nowMs);
}

/** Throws `device_unknown`, and `invalid_transition` where nobody holds it. */
export async function releaseDevice(deps: Deps, ref: DeviceRef, by: Principal, nowMs: number): Promise<Device> {
  await deps.database.write(async (trx) => {
    await holdAll(trx, [ref]);
    const row = await getRow(trx, ref);
    if (viewHold(row, nowMs) === null)
      throw new OtterError(
        'invalid_transition',
        `device ${row.first_name} is not held`,
        `see what stands in its way: otter device explain ${row.first_name}`,
      );
    await release(trx, row, by, nowMs);
  });
  return viewOne(deps, ref, nowMs);
}

/** Of those whose end has passed; several servers may look at once. */
export async function endHolds(deps: Deps, nowMs: number): Promise<void> {
  for (const id of await listEndedHolds(deps.database.read, nowMs, ENDED_AT_ONCE))
    await deps.database.write(async (trx) => endHold(trx, id, nowMs));
}

async function endHold(trx: Trx, id: DeviceId, nowMs: number): Promise<void> {
  // Removed since it was read, or held anew.
  const isThere = (await listEndedHolds(trx, nowMs, ENDED_AT_ONCE)).includes(id);
  if (!isThere) return;
  await holdAll(trx, [id]);
  await release(trx, await getRow(trx, id), CLOCK, nowMs);
}

async function release(trx: Trx, row: SeenDeviceRow, by: Principal, nowMs: number): Promise<void> {
  await saveHold(trx, [row.id], NOT_HELD);
  await countAnew(trx, [{ ...row, ...NOT_HELD }]);
  await tell(trx, row, { type: 'device.released', data: { actor: actorOf(by) } }, nowMs);
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'device.release',
    subject: row.first_name,
    details: { held_for: row.held_reason },
  });
}

async function tell(
  trx: Trx,
  device: SeenDeviceRow,
  what: Pick<Parameters<typeof addHoldEvent>[1], 'type' | 'data'>,
  nowMs: number,
): Promise<void> {
  await addHoldEvent(trx, { at_ms: nowMs, product: device.product, device, ...what });
}
