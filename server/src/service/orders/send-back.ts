// Sends one device back from the build that it runs: to what it ran before if that is a stable build, else to the stable build before.
// It is not offered the build again until somebody says so.

import type { Device } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { supersedeUngiven } from '#server/db/device/assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import { type CancelColumns, saveOrder } from '#server/db/fleet/orders.ts';
import type { Deps } from '#server/service/deps.ts';
import { viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { type DeviceCase, lockCase, refuse } from './device-case.ts';
import { readReason } from './read-reason.ts';

export interface SendBackRequest {
  readonly reason: string;
  readonly isConfirmed: boolean;
}

/**
 * Throws `device_unknown`, `reason_missing`, `invalid_transition` where there is no way back for it, and `confirmation_needed` with
 * where it would go.
 */
export async function sendBack(
  deps: Deps,
  ref: DeviceRef,
  asked: SendBackRequest,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  const reason = readReason(asked.reason, 'say in a few words why the device is to leave the build');
  await deps.presence.flush();
  await deps.database.write(async (trx) => {
    const found = await lockCase(deps, trx, ref, nowMs);
    const { row } = found;
    const order = orderOf(found, { reason, by: actorOf(by) }, nowMs);
    const to = wayOf(found, order);
    if (!asked.isConfirmed)
      throw new OtterError(
        'confirmation_needed',
        `device ${row.first_name} goes from ${row.current_version} back to ${to}, and is not offered ${row.current_version} again`,
        'send confirm=true to do it',
      );
    await saveOrder(trx, [row.id], order);
    await supersedeUngiven(trx, [row.id], { includesWayBack: false, data: { cancelled: true } }, nowMs);
    const details = { from: row.current_version, to, reason };
    const data = { actor: actorOf(by), ...details };
    await addHoldEvent(trx, { at_ms: nowMs, product: row.product, device: row, type: 'device.sent_back', data });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.send_back',
      subject: row.first_name,
      details,
    });
  });
  return viewOne(deps, ref, nowMs);
}

function orderOf(
  { row, facts: { running }, assignments, view }: DeviceCase,
  { reason, by }: { readonly reason: string; readonly by: string },
  nowMs: number,
): CancelColumns {
  if (running === undefined)
    throw refuse(row, `runs ${row.current_version}, which is no build of this server`, 'flash it once by cable');
  const brought = assignments.findLast(
    ({ firmwareId, progress, isRollback }) =>
      firmwareId === running.id && progress.state === 'confirmed' && !isRollback,
  );
  const before = brought === undefined ? undefined : view.findFirmware(row.product, brought.watch.fromVersion);
  return {
    cancelled_firmware_id: running.id,
    cancelled_at_ms: nowMs,
    cancelled_reason: reason,
    cancelled_by: by,
    goes_back: 1,
    goes_back_to_id: before?.id ?? null,
  };
}

/** The version that it would go to, by the rules themselves. */
function wayOf({ row, decideWith }: DeviceCase, order: CancelColumns): string {
  const { decision, text } = decideWith(order);
  if (decision.outcome === 'rollback') return decision.firmware.version;
  const why =
    decision.outcome === 'install'
      ? `would go to ${decision.firmware.version}, which is newer`
      : `cannot go back: ${text}`;
  throw refuse(
    row,
    why,
    `an older build goes back only to what completed a rollout for the device: otter rollout list --status complete`,
  );
}
