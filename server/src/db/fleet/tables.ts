// Tables of devices that are not in `schema.ts`, which refers to them.

import type { DeviceId, DeviceName } from '#protocol/identity.ts';

/** By each of its names, the removal of the device that had it last. */
export interface RemovedDevicesTable {
  readonly kind: DeviceName['kind'];
  readonly name: string;
  readonly device_id: DeviceId;
  readonly removed_at_ms: number;
  readonly removed_by: string;
  /** The device that took its place, and the first name of that one; null: it was just removed. */
  readonly replaced_by_id: DeviceId | null;
  readonly replaced_by: string | null;
  /** When a board of this name checked in again, as a new device; null: not since. */
  readonly back_at_ms: number | null;
}
