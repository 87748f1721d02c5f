// The devices that a query means and that a change would change: counted, and in the order of their keys, so many at a time.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import { MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import { FAILED } from '#server/db/device/failed-assignments.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import type { Reader } from '#server/db/schema.ts';
import type { SeenDeviceRow } from './devices.ts';
import { atKey } from './device-names.ts';
import { isHeldAt, looksUpLabel, type Where } from './where.ts';

export type MeantDevice = Pick<
  SeenDeviceRow,
  | 'id'
  | 'first_name'
  | 'given_name'
  | 'product'
  | 'first_seen_at_ms'
  | 'is_simulated'
  | 'shared_mac_at_ms'
  | 'counted'
  | 'held_at_ms'
  | 'cancelled_firmware_id'
>;

/** Whether a change would change the device of a row. */
export const NEEDS = {
  label: (name: string): Where => sql`not (${looksUpLabel(name)}) and not (${IS_FULL})`,
  unlabel: (name: string): Where => looksUpLabel(name),
  hold: (nowMs: number): Where => sql`not (${isHeldAt(nowMs)})`,
  release: (nowMs: number): Where => isHeldAt(nowMs),
  clearKnownBad: (version: string | undefined): Where => sql`exists (select 1 from assignments
    where assignments.device_id = devices.id and assignments.state not in ('confirmed', 'superseded')
      and assignments.state in (${sql.join(FAILED.map((state) => sql.lit(state)))}) and assignments.forgiven = 0
      ${version === undefined ? sql`` : sql`and assignments.firmware_id in (select id from firmware where version = ${version})`})`,
  retry: (): Where => sql`(devices.cancelled_firmware_id is not null or ${NEEDS.clearKnownBad(undefined)})`,
  revoke: (): Where => sql`not exists (select 1 from device_names n
    join identities i on i.kind = n.kind and i.name = n.name
    where n.device_id = devices.id and i.revoked_at_ms is not null)`,
  remove: (): Where => sql`1 = 1`,
} as const;

/** It has as many labels as a device may have. */
const IS_FULL = sql<boolean>`(select count(*) from device_labels where device_labels.device_id = devices.id) >= ${sql.lit(MAX_DEVICE_LABELS)}`;

const IS_UPDATING = sql<boolean>`exists (select 1 from assignments where assignments.device_id = devices.id and ${IS_IN_FLIGHT})`;

export interface BulkCounts {
  readonly matched: number;
  readonly toChange: number;
  /** Of those, in the middle of an update. */
  readonly updating: number;
  /** They have neither the label nor room for it. */
  readonly full: number;
}

/** Of the devices of this range of keys. */
export async function countMeant(
  db: Reader,
  { where, need, label }: { readonly where: Where; readonly need: Where; readonly label: string | undefined },
  { afterId, untilId }: { readonly afterId: number; readonly untilId: number },
): Promise<BulkCounts> {
  const isFull = label === undefined ? sql<boolean>`1 = 0` : sql<boolean>`${IS_FULL} and not (${looksUpLabel(label)})`;
  const { rows } = await sql<Record<keyof BulkCounts, number | string | null>>`select count(*) as matched,
      sum(needs) as "toChange", sum(case when needs = 1 then updates else 0 end) as updating, sum(full_up) as "full"
    from (select case when ${need} then 1 else 0 end as needs, case when ${IS_UPDATING} then 1 else 0 end as updates,
        case when ${isFull} then 1 else 0 end as full_up
      from devices join presence on presence.device_id = devices.id
      where devices.id > ${afterId} and devices.id <= ${untilId} and (${where})) as meant`.execute(db);
  const [counts] = rows;
  const number = (name: keyof BulkCounts): number => Number(counts?.[name] ?? 0);
  return {
    matched: number('matched'),
    toChange: number('toChange'),
    updating: number('updating'),
    full: number('full'),
  };
}

export async function listMeant(
  db: Reader,
  where: Where,
  page: {
    readonly afterId: number;
    readonly untilId: number;
    readonly limit: number;
    /** Of these alone: those that the condition was made ready for. */
    readonly ids?: readonly DeviceId[];
  },
): Promise<readonly MeantDevice[]> {
  const query = db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select([
      'devices.id',
      'devices.first_name',
      'devices.given_name',
      'devices.product',
      'devices.first_seen_at_ms',
      'devices.is_simulated',
      'devices.shared_mac_at_ms',
      'devices.counted',
      'devices.held_at_ms',
      'devices.cancelled_firmware_id',
    ])
    .where('devices.id', '>', atKey(page.afterId))
    .where('devices.id', '<=', atKey(page.untilId))
    .where(where)
    .orderBy('devices.id')
    .limit(page.limit);
  return (page.ids === undefined ? query : query.where('devices.id', 'in', [...page.ids])).execute();
}

export function both(where: Where, need: Where): Where {
  return sql`(${where}) and (${need})`;
}

export function idsOf(devices: readonly MeantDevice[]): readonly DeviceId[] {
  return devices.map(({ id }) => id);
}
