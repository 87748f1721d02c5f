// The table of devices: who they are, what they run, when they were last seen.

import { type Insertable, type Selectable, sql } from 'kysely';
import type { DeviceId, DeviceName, DeviceRef } from '#protocol/identity.ts';
import type { Dialect } from '#server/db/database.ts';
import { isSilentAt, type SilenceRule } from '#server/db/device/presence-sql.ts';
import { addDeviceName, idOf } from './device-names.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { DevicesTable, PresenceTable } from './tables.ts';

export type DeviceRow = Selectable<DevicesTable>;

/** With its presence. */
export type SeenDeviceRow = DeviceRow & Omit<Selectable<PresenceTable>, 'device_id'>;
export type NewDevice = Omit<Insertable<DevicesTable>, 'first_name'>;

/** One poll: when, what differs every time, and the rhythm that it leaves. */
export type Sighting = Selectable<PresenceTable>;

/** What a device says of itself; seldom another than last time. */
export type SelfDescription = Pick<
  DeviceRow,
  | 'id'
  | 'product'
  | 'ip'
  | 'current_version'
  | 'chip'
  | 'other_chip'
  | 'slot_bytes'
  | 'said_chip'
  | 'said_slot_bytes'
  | 'image_sha256'
  | 'on_trial'
  | 'attributes'
  | 'is_simulated'
>;

export const withPresence = (db: Reader) =>
  db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .selectAll('devices')
    .select([
      'presence.last_seen_at_ms',
      'presence.free_heap_bytes',
      'presence.rssi_dbm',
      'presence.interval_s',
      'presence.gaps',
      'presence.uptime_s',
      'presence.boot_cause',
      'presence.largest_block_bytes',
      'presence.limit_s',
      'presence.back_at_ms',
      'presence.is_flapping',
    ]);

export async function findDevice(db: Reader, device: DeviceRef): Promise<SeenDeviceRow | undefined> {
  return withPresence(db).where('devices.id', '=', idOf(device)).executeTakeFirst();
}

/**
 * Finds these devices and holds them until the end of the transaction; one that is not there is left out. The rows are
 * written, though nothing in them changes: a transaction that read the device before, without what this one adds, then
 * runs again. To lock them would make it wait, and go on with what it had read.
 */
export async function holdDevices(
  trx: Trx,
  ids: readonly DeviceId[],
): Promise<readonly Pick<SeenDeviceRow, 'id' | 'first_name'>[]> {
  if (ids.length === 0) return [];
  return trx
    .updateTable('devices')
    .set((e) => ({ status: e.ref('status') }))
    .where('id', 'in', [...ids])
    .returning(['id', 'first_name'])
    .execute();
}

/** Throws the database's error where the name is there already; the caller has looked, in the same transaction. */
export async function addDevice(trx: Trx, name: DeviceName, device: NewDevice, nowMs: number): Promise<DeviceId> {
  const row = { ...device, first_name: name.text };
  const { id } = await trx.insertInto('devices').values(row).returning('id').executeTakeFirstOrThrow();
  await addDeviceName(trx, id, name);
  const telemetry = { free_heap_bytes: null, rssi_dbm: null };
  await trx
    .insertInto('presence')
    .values({ device_id: id, last_seen_at_ms: nowMs, ...telemetry })
    .execute();
  return id;
}

export async function setDeviceStatus(trx: Trx, id: DeviceId, status: SeenDeviceRow['status']): Promise<void> {
  await trx.updateTable('devices').set({ status }).where('id', '=', id).where('status', '<>', status).execute();
}

/** The columns of a poll, in the order of its values in a batch, with their types on PostgreSQL. */
const SIGHTING = [
  ['device_id', 'bigint'],
  ['last_seen_at_ms', 'bigint'],
  ['free_heap_bytes', 'bigint'],
  ['largest_block_bytes', 'bigint'],
  ['rssi_dbm', 'integer'],
  ['uptime_s', 'bigint'],
  ['boot_cause', 'text'],
  ['interval_s', 'integer'],
  ['gaps', 'text'],
  ['limit_s', 'bigint'],
  ['back_at_ms', 'bigint'],
  ['is_flapping', 'integer'],
] as const satisfies readonly (readonly [keyof Sighting, string])[];

const INTO = sql.raw(SIGHTING.map(([column]) => column).join(', '));
const CHANGES = sql.raw(SIGHTING.map(([column]) => `${column} = excluded.${column}`).join(', '));
const VALUES = {
  sqlite: sql.raw(SIGHTING.map((_, index) => `value->>${index}`).join(', ')),
  postgres: sql.raw(SIGHTING.map(([, type], index) => `(v->>${index})::${type}`).join(', ')),
} as const satisfies Readonly<Record<Dialect, unknown>>;

/**
 * One statement for many polls, in the order of the keys so that neighbours share pages. The newest sighting stays. One of a
 * device that was removed meanwhile is left out.
 */
export async function saveSightings(trx: Trx, dialect: Dialect, sightings: readonly Sighting[]): Promise<void> {
  const rows = sightings
    .toSorted((left, right) => left.device_id - right.device_id)
    .map((row) => SIGHTING.map(([column]) => row[column]));
  const batch = JSON.stringify(rows);
  const source =
    dialect === 'postgres' ? sql`json_array_elements(${batch}::json) as rows(v)` : sql`json_each(${batch})`;
  await sql`insert into presence (${INTO}) select * from (select ${VALUES[dialect]} from ${source} where ${isThere(dialect)}) as v where true
    on conflict (device_id) do update set ${CHANGES}
    where presence.last_seen_at_ms <= excluded.last_seen_at_ms`.execute(trx);
}

/** Of a row of such a batch, whose first value is the key of a device. */
export function isThere(dialect: Dialect) {
  const id = dialect === 'postgres' ? sql`(v->>0)::bigint` : sql`value->>0`;
  return sql<boolean>`exists (select 1 from devices where devices.id = ${id})`;
}

export async function saveSelfDescription(trx: Trx, { id, ...description }: SelfDescription): Promise<void> {
  await trx.updateTable('devices').set(description).where('id', '=', id).execute();
}

/** Every version that a device runs, as it says it; of these devices alone where they are named. */
export async function listVersions(db: Reader, ids?: readonly DeviceId[]): Promise<readonly string[]> {
  const all = db.selectFrom('devices').select('current_version').distinct();
  const rows = await (ids === undefined ? all : all.where('id', 'in', [...ids])).execute();
  return rows.map(({ current_version }) => current_version);
}

/** A device that is silent is counted as that, whatever it was doing when it was last seen. Test boards are counted apart alone. */
export interface FleetCounts {
  readonly total: number;
  readonly silent: number;
  readonly updating: number;
  readonly failed: number;
  readonly test: number;
}

export async function countFleet(db: Reader, silence: SilenceRule): Promise<FleetCounts> {
  const { all } = await db
    .selectFrom('devices')
    .select((e) => e.fn.countAll<number>().as('all'))
    .executeTakeFirstOrThrow();
  const { silent } = await db
    .selectFrom('presence')
    .select((e) => e.fn.countAll<number>().as('silent'))
    .where(isSilentAt(silence))
    .executeTakeFirstOrThrow();
  // Few boards are for tests: to take them away is cheaper than to join every device.
  const tests = await db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select((e) => [
      e.fn.countAll<number>().as('test'),
      e.fn.countAll<number>().filterWhere(isSilentAt(silence)).as('silent'),
    ])
    .where('devices.counted', '=', sql.lit('no'))
    .executeTakeFirstOrThrow();
  const byStatus = await db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select((e) => ['devices.status', e.fn.countAll<number>().as('count')])
    .where('devices.status', '<>', sql.lit('ok'))
    .where(isNoTest)
    .where(sql<boolean>`not (${isSilentAt(silence)})`)
    .groupBy('devices.status')
    .execute();
  const count = (...wanted: readonly SeenDeviceRow['status'][]): number =>
    byStatus.filter(({ status }) => wanted.includes(status)).reduce((sum, row) => sum + row.count, 0);
  return {
    total: all - tests.test,
    silent: silent - tests.silent,
    updating: count('updating', 'trial'),
    failed: count('failed'),
    test: tests.test,
  };
}

const isNoTest = sql<boolean>`coalesce(devices.counted, '') <> 'no'`;

export async function countVersions(
  db: Reader,
): Promise<readonly { readonly product: string; readonly version: string; readonly devices: number }[]> {
  return db
    .selectFrom('devices')
    .select((e) => ['product', 'current_version as version', e.fn.countAll<number>().as('devices')])
    .where(isNoTest)
    .groupBy(['product', 'current_version'])
    .orderBy('product')
    .orderBy('devices', 'desc')
    .limit(200)
    .execute();
}

/** Of each product: devices first seen since then, and those known before. */
export async function countNewcomers(
  db: Reader,
  sinceMs: number,
): Promise<readonly { readonly product: string; readonly newcomers: number; readonly known: number }[]> {
  const rows = await db
    .selectFrom('devices')
    .select((e) => [
      'product',
      e.fn.countAll<number>().as('total'),
      sql<number>`sum(case when first_seen_at_ms > ${sinceMs} then 1 else 0 end)`.as('newcomers'),
    ])
    .groupBy('product')
    .execute();
  return rows.map(({ product, total, newcomers }) => ({
    product,
    newcomers,
    known: total - newcomers,
  }));
}

export async function saveOverride(
  trx: Trx,
  id: DeviceId,
  change: Pick<SeenDeviceRow, 'counted' | 'counted_reason'>,
): Promise<void> {
  await trx.updateTable('devices').set(change).where('id', '=', id).execute();
}

export async function saveContradictions(
  trx: Trx,
  id: DeviceId,
  change: Pick<SeenDeviceRow, 'contradictions' | 'shared_mac_at_ms'>,
): Promise<void> {
  await trx.updateTable('devices').set(change).where('id', '=', id).execute();
}

/** Reads them all: ask seldom. */
export async function countDevices(db: Reader): Promise<number> {
  const { devices } = await db
    .selectFrom('devices')
    .select((eb) => eb.fn.countAll<number | string>().as('devices'))
    .executeTakeFirstOrThrow();
  return Number(devices);
}

/** When the first board of the product was seen, and whether any of them is a real one. */
export async function findVoters(
  db: Reader,
  product: string,
): Promise<{ readonly firstSeenAtMs: number | undefined; readonly hasReal: boolean }> {
  const ofProduct = db.selectFrom('devices').where('product', '=', product);
  const { first } = await ofProduct.select((e) => e.fn.min('first_seen_at_ms').as('first')).executeTakeFirstOrThrow();
  const real = await ofProduct.select('id').where('is_simulated', '=', 0).limit(1).executeTakeFirst();
  return { firstSeenAtMs: first ?? undefined, hasReal: real !== undefined };
}

/** Every version that a device of the product runs, as it says it. */
export async function listRunVersions(db: Reader, product: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('devices')
    .select('current_version')
    .distinct()
    .where('product', '=', product)
    .execute();
  return rows.map(({ current_version }) => current_version);
}

/** Devices of the product that say one of these versions, counted by version and digest as they say them. */
export async function countBuilds(
  db: Reader,
  product: string,
  versions: readonly string[],
): Promise<readonly { readonly version: string; readonly image_sha256: string | null; readonly devices: number }[]> {
  if (versions.length === 0) return [];
  return db
    .selectFrom('devices')
    .select((e) => ['current_version as version', 'image_sha256', e.fn.countAll<number>().as('devices')])
    .where('product', '=', product)
    .where('current_version', 'in', [...versions])
    .groupBy(['current_version', 'image_sha256'])
    .execute();
}
