// The table of devices: who they are, what they run, when they were last seen.

import { type Insertable, type Selectable, sql } from 'kysely';
import type { Dialect } from './database.ts';
import { type Page, type Paged, runPage } from './paging.ts';
import type { DevicesTable, Reader, Trx } from './schema.ts';

export type Device = Selectable<DevicesTable>;
export type NewDevice = Insertable<DevicesTable>;

/** What every check-in tells anew; written in batches. */
export interface Presence {
  readonly id: number;
  readonly product: string;
  readonly ip: string | null;
  readonly current_version: string;
  readonly chip: string | null;
  readonly slot_bytes: number | null;
  readonly image_sha256: string | null;
  readonly on_trial: 0 | 1;
  readonly attributes: string;
  readonly last_seen_at_ms: number;
}

export async function findDevice(db: Reader, mac: string): Promise<Device | undefined> {
  return db.selectFrom('devices').selectAll().where('mac', '=', mac).executeTakeFirst();
}

export async function listDeviceIds(
  db: Reader,
  macs: readonly string[],
): Promise<readonly { readonly id: number; readonly mac: string }[]> {
  return db
    .selectFrom('devices')
    .select(['id', 'mac'])
    .where('mac', 'in', [...macs])
    .execute();
}

/** Inserts the device, or leaves the one that is there; resolves with its id. */
export async function addDevice(trx: Trx, device: NewDevice): Promise<number> {
  const { id } = await trx
    .insertInto('devices')
    .values(device)
    .onConflict((conflict) => conflict.column('mac').doUpdateSet({ last_seen_at_ms: device.last_seen_at_ms }))
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export async function setDeviceStatus(trx: Trx, id: number, status: Device['status']): Promise<void> {
  await trx.updateTable('devices').set({ status }).where('id', '=', id).where('status', '<>', status).execute();
}

/** One statement for many devices; a device that is gone is passed over. An older sighting never overwrites a newer one. */
export async function savePresence(trx: Trx, dialect: Dialect, batch: readonly Presence[]): Promise<void> {
  const json = JSON.stringify(batch);
  const columns = sql.raw(PRESENCE_COLUMNS.map((name) => `${name} = v.${name}`).join(', '));
  await sql`update devices set ${columns} from ${rowsOf(dialect, json)} where devices.id = v.id and devices.last_seen_at_ms <= v.last_seen_at_ms`.execute(
    trx,
  );
}

export interface DeviceFilter {
  readonly product: string | undefined;
  readonly label: string | undefined;
  readonly version: string | undefined;
  readonly status: Device['status'] | 'silent' | undefined;
  readonly macPrefix: string | undefined;
  /** Devices last seen before this are silent. */
  readonly silentBeforeMs: number;
}

export async function listDevices(db: Reader, filter: DeviceFilter, page: Page): Promise<Paged<Device>> {
  let query = db.selectFrom('devices').selectAll('devices');
  if (filter.product !== undefined) query = query.where('devices.product', '=', filter.product);
  if (filter.version !== undefined) query = query.where('devices.current_version', '=', filter.version);
  if (filter.status === 'silent') query = query.where('devices.last_seen_at_ms', '<', filter.silentBeforeMs);
  else if (filter.status !== undefined)
    query = query
      .where('devices.status', '=', filter.status)
      .where('devices.last_seen_at_ms', '>=', filter.silentBeforeMs);
  if (filter.macPrefix !== undefined)
    query = query.where('devices.mac', '>=', filter.macPrefix).where('devices.mac', '<', `${filter.macPrefix}~`);
  const { label } = filter;
  if (label !== undefined) {
    query = query.where('devices.id', 'in', (nested) =>
      nested
        .selectFrom('device_labels')
        .innerJoin('labels', 'labels.id', 'device_labels.label_id')
        .select('device_labels.device_id')
        .where('labels.name', '=', label),
    );
  }
  return runPage(query, page, { id: 'devices.id' });
}

export interface FleetCounts {
  readonly total: number;
  readonly silent: number;
  readonly updating: number;
  readonly failed: number;
}

export async function countFleet(db: Reader, silentBeforeMs: number): Promise<FleetCounts> {
  const { total } = await db
    .selectFrom('devices')
    .select((e) => e.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const { silent } = await db
    .selectFrom('devices')
    .select((e) => e.fn.countAll<number>().as('silent'))
    .where('last_seen_at_ms', '<', silentBeforeMs)
    .executeTakeFirstOrThrow();
  const byStatus = await db
    .selectFrom('devices')
    .select((e) => ['status', e.fn.countAll<number>().as('count')])
    .where('status', '<>', sql.lit('ok'))
    .groupBy('status')
    .execute();
  const count = (...wanted: readonly Device['status'][]): number =>
    byStatus.filter(({ status }) => wanted.includes(status)).reduce((sum, row) => sum + row.count, 0);
  return { total, silent, updating: count('updating', 'trial'), failed: count('failed') };
}

export async function countVersions(
  db: Reader,
): Promise<readonly { readonly product: string; readonly version: string; readonly devices: number }[]> {
  return db
    .selectFrom('devices')
    .select((e) => ['product', 'current_version as version', e.fn.countAll<number>().as('devices')])
    .groupBy(['product', 'current_version'])
    .orderBy('product')
    .orderBy('devices', 'desc')
    .limit(200)
    .execute();
}

export async function countRunning(
  db: Reader,
  firmware: { readonly product: string; readonly version: string },
): Promise<number> {
  const { count } = await db
    .selectFrom('devices')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('product', '=', firmware.product)
    .where('current_version', '=', firmware.version)
    .executeTakeFirstOrThrow();
  return count;
}

const PRESENCE_TYPES = {
  product: 'text',
  ip: 'text',
  current_version: 'text',
  chip: 'text',
  slot_bytes: 'bigint',
  image_sha256: 'text',
  on_trial: 'integer',
  attributes: 'text',
  last_seen_at_ms: 'bigint',
} as const;
const PRESENCE_COLUMNS = Object.keys(PRESENCE_TYPES);

/** The batch as a table `v`, from one JSON parameter: the statement stays the same for every batch. */
function rowsOf(dialect: Dialect, json: string): ReturnType<typeof sql> {
  if (dialect === 'postgres') {
    const types = Object.entries({ id: 'bigint', ...PRESENCE_TYPES }).map(([name, type]) => `${name} ${type}`);
    return sql`json_to_recordset(${json}::json) as v(${sql.raw(types.join(', '))})`;
  }
  const values = ['id', ...PRESENCE_COLUMNS].map((name) => `value->>'${name}' as ${name}`);
  return sql`(select ${sql.raw(values.join(', '))} from json_each(${json})) as v`;
}
