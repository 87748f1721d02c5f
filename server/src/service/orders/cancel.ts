// Cancels the update of one device: what it was offered is taken back, and it is not offered that build again. Other builds reach it as
// before. What a device installs already nobody can stop from here.

import type { Device } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { isOpenState } from '#engine/assignment/assignment.ts';
import { targetOf } from '#engine/decision/target.ts';
import { supersedeUngiven } from '#server/db/device/assignments.ts';
import { leaveOutUngiven } from '#server/db/device/left-out.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import type { StoredFirmware } from '#server/db/firmware/catalog.ts';
import { NOT_CANCELLED, saveOrder } from '#server/db/fleet/orders.ts';
import type { Deps } from '#server/service/deps.ts';
import { viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { type DeviceCase, lockCase, refuse } from './device-case.ts';
import { readReason } from './read-reason.ts';

export interface CancelRequest {
  readonly reason: string;
  /** Undefined: what it was offered, or would be offered next. */
  readonly version?: string | undefined;
}

/** Throws `device_unknown`, `firmware_unknown`, `reason_missing`, and `invalid_transition` where there is nothing to cancel or it is too late. */
export async function cancelUpdate(
  deps: Deps,
  ref: DeviceRef,
  asked: CancelRequest,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  const reason = readReason(asked.reason, 'say in a few words why the device is not to get the build');
  await deps.presence.flush();
  await deps.database.write(async (trx) => {
    const found = await lockCase(deps, trx, ref, nowMs);
    const { row } = found;
    const { id: firmwareId, version } = buildOf(found, asked.version);
    await saveOrder(trx, [row.id], {
      ...NOT_CANCELLED,
      cancelled_firmware_id: firmwareId,
      cancelled_at_ms: nowMs,
      cancelled_reason: reason,
      cancelled_by: actorOf(by),
    });
    await supersedeUngiven(trx, [row.id], { includesWayBack: false, data: { cancelled: true } }, nowMs);
    await leaveOutUngiven(trx, [row.id], { counted: 'cancelled', firmwareId });
    const { product } = row;
    const data = { actor: actorOf(by), version, reason };
    await addHoldEvent(trx, { at_ms: nowMs, product, device: row, type: 'device.cancelled', data });
    const details = { version, reason };
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.cancel',
      subject: row.first_name,
      details,
    });
  });
  return viewOne(deps, ref, nowMs);
}

function buildOf(found: DeviceCase, version: string | undefined): StoredFirmware {
  const { row, facts, view } = found;
  const open = found.assignments.find(({ progress }) => isOpenState(progress.state));
  const underWay = open === undefined || open.isRollback ? undefined : open;
  if (underWay?.progress.state === 'installing' || underWay?.progress.state === 'trial')
    throw refuse(
      row,
      `${underWay.progress.state === 'trial' ? 'has' : 'is installing'} ${underWay.version}${underWay.progress.state === 'trial' ? ' on trial' : ''}: nobody can stop that from here`,
      `it confirms the build or goes back by itself; after that: otter device send-back ${row.first_name}`,
    );
  if (version !== undefined) {
    const named = view.findFirmware(row.product, version);
    if (named !== undefined) return named;
    throw new OtterError(
      'firmware_unknown',
      `there is no firmware ${version} of product ${row.product}`,
      'see which there are: otter firmware list',
    );
  }
  // Of the rollout: a required version on the way is a part of its update.
  const goal = underWay === undefined ? nextOf(found) : rolloutFirmware(found, underWay.rolloutId);
  if (goal === undefined || goal.id === facts.running?.id) throw refuse(row, 'has no update to cancel');
  return goal;
}

function nextOf({ facts, view }: DeviceCase): StoredFirmware | undefined {
  const target = targetOf(facts);
  return target === undefined || target.source === 'prior_stable'
    ? undefined
    : view.getFirmware(target.rollout.firmware.id);
}

function rolloutFirmware({ facts, view, row }: DeviceCase, rolloutId: number): StoredFirmware | undefined {
  const all = [...view.openRolloutsOf(row.product), ...view.completedOf(row.product)];
  const rollout = all.find(({ id }) => id === rolloutId) ?? targetOf(facts)?.rollout;
  return rollout === undefined ? undefined : view.getFirmware(rollout.firmware.id);
}
