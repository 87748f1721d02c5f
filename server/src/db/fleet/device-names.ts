// The table of names: by which a device is found, whatever protocol it speaks.

import { type RawBuilder, sql } from 'kysely';
import type { DeviceId, DeviceName, DeviceRef } from '#protocol/identity.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** For a comparison with a key of devices; null where no device has the name. */
export function idOf(device: DeviceRef): RawBuilder<DeviceId> {
  return typeof device === 'number'
    ? sql<DeviceId>`${device}`
    : sql<DeviceId>`(select device_id from device_names where kind = ${device.kind} and name = ${device.text})`;
}

/** A place in the order of the keys, which need not be that of a device. */
export function atKey(key: number): RawBuilder<DeviceId> {
  return sql<DeviceId>`${key}`;
}

/** The devices that have these names, by the text of the name. */
export async function findDeviceIds(
  db: Reader,
  kind: DeviceName['kind'],
  texts: readonly string[],
): Promise<ReadonlyMap<string, DeviceId>> {
  if (texts.length === 0) return new Map();
  const rows = await db
    .selectFrom('device_names')
    .select(['name', 'device_id'])
    .where('kind', '=', kind)
    .where('name', 'in', [...texts])
    .execute();
  return new Map(rows.map(({ name, device_id }) => [name, device_id]));
}

/** Throws the database's error where another device has it; the caller has looked, in the same transaction. */
export async function addDeviceName(trx: Trx, id: DeviceId, { kind, text }: DeviceName): Promise<void> {
  await trx.insertInto('device_names').values({ kind, name: text, device_id: id }).execute();
}

export async function listNamesOf(db: Reader, id: DeviceId): Promise<readonly DeviceName[]> {
  return db
    .selectFrom('device_names')
    .select(['kind', 'name as text'])
    .where('device_id', '=', id)
    .orderBy('kind')
    .orderBy('name')
    .execute();
}
