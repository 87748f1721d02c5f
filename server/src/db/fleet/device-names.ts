// By which a device is found: the table of names, whatever protocol it speaks, and the name that an operator gave it.

import { type RawBuilder, sql } from 'kysely';
import {
  type DeviceId,
  type DeviceName,
  type DeviceRef,
  givenNameKey,
  sortNameOf,
  type GivenName,
} from '#protocol/identity.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** For a comparison with a key of devices; null where no device has the name. */
export function idOf(device: DeviceRef): RawBuilder<DeviceId> {
  if (typeof device === 'number') return sql<DeviceId>`${device}`;
  if (device.kind === 'given') return sql<DeviceId>`(select id from devices where given_key = ${device.text})`;
  return sql<DeviceId>`(select device_id from device_names where kind = ${device.kind} and name = ${device.text})`;
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

/** Whom operators call so; undefined: nobody. */
export async function findGiven(
  db: Reader,
  name: GivenName,
): Promise<{ readonly id: DeviceId; readonly first_name: string } | undefined> {
  return db.selectFrom('devices').select(['id', 'first_name']).where('given_key', '=', name.text).executeTakeFirst();
}

/** The same for many, by the text that is compared. */
export async function findGivenIds(db: Reader, texts: readonly string[]): Promise<ReadonlyMap<string, DeviceId>> {
  if (texts.length === 0) return new Map();
  const rows = await db
    .selectFrom('devices')
    .select(['id', 'given_key'])
    .where('given_key', 'in', [...texts])
    .execute();
  return new Map(rows.flatMap(({ id, given_key }) => (given_key === null ? [] : [[given_key, id]])));
}

/** Null takes it away. Throws the database's error where another device has it; the caller has looked, in the same transaction. */
export async function saveGivenName(trx: Trx, id: DeviceId, name: string | null): Promise<void> {
  const given_key = name === null ? null : givenNameKey(name);
  await trx
    .updateTable('devices')
    .set({ given_name: name, given_key, sort_name: sortNameOf(name) })
    .where('id', '=', id)
    .execute();
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
