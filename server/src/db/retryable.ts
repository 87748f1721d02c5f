// The assignments that a retry judges: of devices on which a rollout failed, all of its builds that still count.

import type { DeviceId } from '#protocol/identity.ts';
import { atKey } from '#server/db/fleet/device-names.ts';
import { AS_FAILED, FAILED, type FailedAssignmentRow } from '#server/db/device/failed-assignments.ts';
import type { Reader } from './schema.ts';

export interface FailedDevice {
  readonly id: DeviceId;
  readonly first_name: string;
}

/** The devices behind `afterId` with an assignment of this rollout that ended badly and still counts, in the order of their keys. */
export async function listFailedDevices(
  db: Reader,
  rolloutId: number,
  page: { readonly afterId: number; readonly limit: number },
): Promise<readonly FailedDevice[]> {
  return db
    .selectFrom('devices')
    .select(['devices.id', 'devices.first_name'])
    .where('devices.id', '>', atKey(page.afterId))
    .where('devices.id', 'in', (nested) =>
      nested
        .selectFrom('assignments')
        .select('device_id')
        .where('rollout_id', '=', rolloutId)
        .where('is_rollback', '=', 0)
        .where('forgiven', '=', 0)
        .where('state', 'in', FAILED),
    )
    .orderBy('devices.id')
    .limit(page.limit)
    .execute();
}

/**
 * Every assignment on these devices of a build that the rollout brought (its own, or a required version) that no operator has
 * forgiven, whatever became of it; the oldest first.
 */
export async function listBuildAssignments(
  db: Reader,
  rolloutId: number,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly FailedAssignmentRow[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('assignments')
    .select(AS_FAILED)
    .where('device_id', 'in', [...deviceIds])
    .where('firmware_id', 'in', (nested) =>
      nested
        .selectFrom('assignments as brought')
        .select('brought.firmware_id')
        .where('brought.rollout_id', '=', rolloutId),
    )
    .where('is_rollback', '=', 0)
    .where('forgiven', '=', 0)
    .orderBy('id')
    .execute();
  return Map.groupBy(rows, ({ device_id }) => device_id);
}
