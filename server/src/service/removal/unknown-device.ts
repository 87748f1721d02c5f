// A device that is not there: never seen, of no such name, or removed, and then when and by whom.

import type { DeviceDetail } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import { type DeviceRef, textOfDeviceId, textOfRef } from '#protocol/identity.ts';
import { findRemoval, type Removal } from '#server/db/fleet/removed-devices.ts';
import type { Reader } from '#server/db/schema.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';

/** The error to throw. */
export async function unknownDevice(db: Reader, ref: DeviceRef): Promise<OtterError> {
  if (typeof ref !== 'number' && ref.kind === 'given')
    return new OtterError(
      'device_unknown',
      `no device has the name ${ref.text}`,
      'look at the list of devices; a MAC has 12 hex digits, an id is like dev-17',
    );
  const removal = await findRemoval(db, ref);
  if (removal !== undefined && removal.back_at_ms === null) return wasRemoved(ref, removal);
  return new OtterError(
    'device_unknown',
    `no device ${textOfRef(ref)} has checked in yet`,
    'look at the list of devices; a device is known from its first check-in on',
  );
}

function wasRemoved(ref: DeviceRef, { removed_at_ms, removed_by, replaced_by }: Removal): OtterError {
  const what = replaced_by === null ? 'removed' : `replaced by ${replaced_by}`;
  return new OtterError(
    'device_unknown',
    `device ${textOfRef(ref)} was ${what} (${removed_by}, ${toInstant(removed_at_ms)})`,
    'with its next check it is there again, as a new device',
  );
}

export function viewRemoval(removal: Removal | undefined): DeviceDetail['removed'] {
  if (removal === undefined) return null;
  return {
    device_id: textOfDeviceId(removal.device_id),
    at: toInstant(removal.removed_at_ms),
    by: removal.removed_by,
    replaced_by: removal.replaced_by,
    came_back_at: toInstantOrNull(removal.back_at_ms),
  };
}
