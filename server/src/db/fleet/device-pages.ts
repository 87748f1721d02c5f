// Many devices, page by page, with what decisions read of them: one statement for a page, and one each for their labels,
// their failed and their open assignments. For questions about a whole product; a check-in has a statement of its own.

import type { DeviceId } from '#protocol/identity.ts';
import { atKey } from '#server/db/fleet/device-names.ts';
import { OPEN_STATES } from '#engine/assignment/assignment.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import { AGAIN_MARKS } from '#engine/outcome/outcome.ts';
import type { DeviceRow, SeenDeviceRow } from './devices.ts';
import type { Reader } from '#server/db/schema.ts';

/** What decisions read of the row. */
const DEVICE_COLUMNS = [
  'id',
  'first_name',
  'given_name',
  'product',
  'current_version',
  'image_sha256',
  'chip',
  'other_chip',
  'slot_bytes',
  'said_chip',
  'said_slot_bytes',
  'on_trial',
  'attributes',
  'first_seen_at_ms',
  'is_simulated',
  'shared_mac_at_ms',
  'counted',
  'held_at_ms',
  'held_until_ms',
  'held_reason',
  'held_by',
  'holds_way_back',
  'cancelled_firmware_id',
  'cancelled_at_ms',
  'cancelled_reason',
  'cancelled_by',
  'goes_back',
  'goes_back_to_id',
  'offer_now_at_ms',
  'offer_now_by',
] as const satisfies readonly (keyof DeviceRow)[];

const PRESENCE_COLUMNS = ['last_seen_at_ms', 'limit_s'] as const;

export type PagedDevice = Pick<SeenDeviceRow, (typeof DEVICE_COLUMNS)[number] | (typeof PRESENCE_COLUMNS)[number]>;

/** Which devices are meant; all of these that are named must hold. */
export interface Which {
  readonly product?: string;
  /** As devices say them. */
  readonly versions?: readonly string[];
  readonly ids?: readonly DeviceId[];
  readonly labelId?: number;
  /** Without those that hold an assignment of this rollout, whatever became of it, unless that was withdrawn and they may get another one. */
  readonly withoutRolloutId?: number;
}

/** The devices behind `afterId`, in the order of their keys; fewer than `limit` are the last. */
export async function listDevicePage(
  db: Reader,
  which: Which,
  page: { readonly afterId: number; readonly limit: number },
): Promise<readonly PagedDevice[]> {
  const { product, versions, ids, labelId, withoutRolloutId } = which;
  let query = db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select(DEVICE_COLUMNS.map((column) => `devices.${column}` as const))
    .select(PRESENCE_COLUMNS.map((column) => `presence.${column}` as const))
    .where('devices.id', '>', atKey(page.afterId));
  if (product !== undefined) query = query.where('devices.product', '=', product);
  if (versions !== undefined) query = query.where('devices.current_version', 'in', [...versions]);
  if (ids !== undefined) query = query.where('devices.id', 'in', [...ids]);
  if (labelId !== undefined)
    query = query.where('devices.id', 'in', (nested) =>
      nested.selectFrom('device_labels').select('device_id').where('label_id', '=', labelId),
    );
  if (withoutRolloutId !== undefined)
    query = query.where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('assignments')
            .select('assignments.id')
            .whereRef('assignments.device_id', '=', 'devices.id')
            .where('assignments.rollout_id', '=', withoutRolloutId)
            .where('assignments.is_rollback', '=', 0)
            .where('assignments.is_latest', '=', 1)
            .where((own) =>
              own.or([own('assignments.mark', 'not in', AGAIN_MARKS), own('assignments.counted', 'is not', null)]),
            ),
        ),
      ),
    );
  return query.orderBy('devices.id').limit(page.limit).execute();
}

/** The labels of each of these devices, with the time each was added. */
export async function listLabelTimes(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly { readonly name: string; readonly putAtMs: number }[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('device_labels')
    .innerJoin('labels', 'labels.id', 'device_labels.label_id')
    .select(['device_labels.device_id', 'labels.name', 'device_labels.put_at_ms as putAtMs'])
    .where('device_labels.device_id', 'in', [...deviceIds])
    .execute();
  return Map.groupBy(rows, ({ device_id }) => device_id);
}

/** How far those of these devices are that hold an open assignment of the rollout. */
export async function listOpenStates(
  db: Reader,
  rolloutId: number,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, AssignmentState>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('assignments')
    .select(['device_id', 'state'])
    .where('rollout_id', '=', rolloutId)
    .where('device_id', 'in', [...deviceIds])
    .where('state', 'in', OPEN_STATES)
    .execute();
  return new Map(rows.map(({ device_id, state }) => [device_id, state]));
}
