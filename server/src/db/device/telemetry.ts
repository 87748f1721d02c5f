// The telemetry of devices hour by hour, in a ring: an hour takes the place of the one `TELEMETRY_HOURS` before it, so the
// table never grows beyond so many short rows for each device. Written with presence, softly.

import type { DeviceId } from '#protocol/identity.ts';
import { sql } from 'kysely';
import { type HealthHour, slotOf } from '#engine/outcome/health.ts';
import { TELEMETRY_HOURS } from '#protocol/limits.ts';
import type { Dialect } from '#server/db/database.ts';
import { isThere } from '#server/db/fleet/devices.ts';
import type { Reader, TelemetryTable, Trx } from '#server/db/schema.ts';

export interface DeviceHour {
  readonly deviceId: DeviceId;
  readonly hour: HealthHour;
}

type How = 'key' | 'replaced' | 'added' | 'smallest';
type Column = readonly [keyof TelemetryTable, keyof HealthHour | 'deviceId' | 'slot', How];

/** Each column with its value, and with what becomes of it where the same hour is there already. */
const COLUMNS = [
  ['device_id', 'deviceId', 'key'],
  ['slot', 'slot', 'key'],
  ['hour', 'hour', 'replaced'],
  ['checks', 'checks', 'added'],
  ['heap_sum_bytes', 'heapSumBytes', 'added'],
  ['heap_count', 'heapCount', 'added'],
  ['heap_min_bytes', 'heapMinBytes', 'smallest'],
  ['block_sum_bytes', 'blockSumBytes', 'added'],
  ['block_count', 'blockCount', 'added'],
  ['block_min_bytes', 'blockMinBytes', 'smallest'],
  ['rssi_sum_dbm', 'rssiSumDbm', 'added'],
  ['rssi_count', 'rssiCount', 'added'],
  ['uptime_count', 'uptimeCount', 'added'],
  ['restarts', 'restarts', 'added'],
  ['crashes', 'crashes', 'added'],
  ['boot_sum_s', 'bootSumS', 'added'],
  ['boot_count', 'bootCount', 'added'],
] as const satisfies readonly Column[];

const INTO = sql.raw(COLUMNS.map(([column]) => column).join(', '));
const VALUES = {
  sqlite: sql.raw(COLUMNS.map((_, index) => `value->>${index}`).join(', ')),
  postgres: sql.raw(COLUMNS.map((_, index) => `(v->>${index})::bigint`).join(', ')),
} as const;
const CHANGES = { sqlite: sql.raw(changes('min')), postgres: sql.raw(changes('least')) } as const;

/**
 * One statement for the checks of many devices, added to what is there of the same hours; of one device no two for one slot. Those
 * of a device that was removed meanwhile are left out.
 */
export async function saveHours(trx: Trx, dialect: Dialect, hours: readonly DeviceHour[]): Promise<void> {
  if (hours.length === 0) return;
  const rows = hours
    .toSorted((left, right) => left.deviceId - right.deviceId)
    .map(({ deviceId, hour }) => COLUMNS.map(([, value]) => valueOf(value, deviceId, hour)));
  const batch = JSON.stringify(rows);
  const source =
    dialect === 'postgres' ? sql`json_array_elements(${batch}::json) as rows(v)` : sql`json_each(${batch})`;
  await sql`insert into telemetry (${INTO}) select * from (select ${VALUES[dialect]} from ${source} where ${isThere(dialect)}) as v where true
    on conflict (device_id, slot) do update set ${CHANGES[dialect]}`.execute(trx);
}

/** The kept hours of these devices from `fromHour` to `toHour`, that one included; for each the earliest first. */
export async function listHours(
  db: Reader,
  deviceIds: readonly DeviceId[],
  { fromHour, toHour }: { readonly fromHour: number; readonly toHour: number },
): Promise<ReadonlyMap<number, readonly HealthHour[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('telemetry')
    .selectAll()
    .where('device_id', 'in', [...deviceIds])
    // An hour of a clock that was wrong for a while stays in its place until that comes round again.
    .where('hour', '>=', Math.max(fromHour, toHour - TELEMETRY_HOURS + 1))
    .where('hour', '<=', toHour)
    .orderBy('device_id')
    .orderBy('hour')
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ device_id }) => device_id)].map(([deviceId, ofDevice]) => [
      deviceId,
      ofDevice.map(toHealthHour),
    ]),
  );
}

export async function removeHours(trx: Trx, deviceIds: readonly DeviceId[]): Promise<void> {
  await trx
    .deleteFrom('telemetry')
    .where('device_id', 'in', [...deviceIds])
    .execute();
}

function valueOf(name: (typeof COLUMNS)[number][1], deviceId: DeviceId, hour: HealthHour): number | null {
  if (name === 'deviceId') return deviceId;
  return name === 'slot' ? slotOf(hour.hour) : hour[name];
}

/** Another hour in the same place is replaced, also by an earlier one: the clock was wrong then. */
function changes(least: 'min' | 'least'): string {
  return COLUMNS.flatMap(([column, , how]: Column) => {
    const [old, fresh] = [`telemetry.${column}`, `excluded.${column}`];
    if (how === 'key') return [];
    if (how === 'replaced') return [`${column} = ${fresh}`];
    const both = how === 'added' ? `${old} + ${fresh}` : `coalesce(${least}(${old}, ${fresh}), ${old}, ${fresh})`;
    return [`${column} = case when telemetry.hour = excluded.hour then ${both} else ${fresh} end`];
  }).join(', ');
}

function toHealthHour(row: TelemetryTable): HealthHour {
  return {
    hour: row.hour,
    checks: row.checks,
    heapSumBytes: row.heap_sum_bytes,
    heapCount: row.heap_count,
    heapMinBytes: row.heap_min_bytes,
    blockSumBytes: row.block_sum_bytes,
    blockCount: row.block_count,
    blockMinBytes: row.block_min_bytes,
    rssiSumDbm: row.rssi_sum_dbm,
    rssiCount: row.rssi_count,
    uptimeCount: row.uptime_count,
    restarts: row.restarts,
    crashes: row.crashes,
    bootSumS: row.boot_sum_s,
    bootCount: row.boot_count,
  };
}
