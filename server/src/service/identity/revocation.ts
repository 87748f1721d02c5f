// Turns boards away: their tokens end, what they were offered is taken back, and no gate waits for them or takes their silence for that of a
// build. A board that installs already goes on: nobody can stop it from here, and nothing is heard of how that ends.

import type { DeviceId } from '#protocol/identity.ts';
import { supersedeUngiven } from '#server/db/device/assignments.ts';
import { leaveOutRevoked } from '#server/db/device/left-out.ts';
import { findDevice } from '#server/db/fleet/devices.ts';
import { type IdentityRow, revokeIdentities } from '#server/db/identity/identities.ts';
import type { DeviceName } from '#protocol/identity.ts';
import type { Trx } from '#server/db/schema.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';

export async function revokeDevices(trx: Trx, deviceIds: readonly DeviceId[], nowMs: number): Promise<void> {
  await revokeIdentities(trx, deviceIds, nowMs);
  await supersedeUngiven(trx, deviceIds, { includesWayBack: true, data: { revoked: true } }, nowMs);
  await leaveOutRevoked(trx, deviceIds);
}

/** A board that has a token again, where it had been turned away: what it shows counts as that of any other. */
export async function letInAgain(trx: Trx, name: DeviceName, before: IdentityRow | undefined): Promise<void> {
  if (before === undefined || before.revoked_at_ms === null) return;
  const device = await findDevice(trx, name);
  if (device !== undefined) await countAnew(trx, [device], { areLetIn: true });
}
