// What is still known of devices that were removed: by their names, so that a board that comes back can say that it was here before.

import type { Selectable } from 'kysely';
import type { DeviceId, DeviceName, DeviceRef } from '#protocol/identity.ts';
import { atKey } from './device-names.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { RemovedDevicesTable } from './tables.ts';

export type Removal = Selectable<RemovedDevicesTable>;
type NewRemoval = Pick<Removal, 'device_id' | 'removed_at_ms' | 'removed_by' | 'replaced_by_id' | 'replaced_by'>;

/** To be called while the devices are there; takes the place of what was known of their names. */
export async function noteRemovals(
  trx: Trx,
  deviceIds: readonly DeviceId[],
  removal: Omit<NewRemoval, 'device_id'>,
): Promise<void> {
  if (deviceIds.length === 0) return;
  const names = await trx
    .selectFrom('device_names')
    .select(['kind', 'name', 'device_id'])
    .where('device_id', 'in', [...deviceIds])
    .execute();
  for (const [kind, ofKind] of Map.groupBy(names, (one) => one.kind)) {
    const texts = ofKind.map(({ name }) => name);
    await trx.deleteFrom('removed_devices').where('kind', '=', kind).where('name', 'in', texts).execute();
  }
  const rows = names.map((name) => Object.assign(name, removal, { back_at_ms: null }));
  await trx.insertInto('removed_devices').values(rows).execute();
}

/** A board of this name is a new device: says that it is back. Undefined: none was removed. */
export async function noteReturn(trx: Trx, { kind, text }: DeviceName, nowMs: number): Promise<Removal | undefined> {
  return trx
    .updateTable('removed_devices')
    .set({ back_at_ms: nowMs })
    .where('kind', '=', kind)
    .where('name', '=', text)
    .returningAll()
    .executeTakeFirst();
}

/** The last removal of a device that had this id or this name. */
export async function findRemoval(db: Reader, ref: DeviceRef): Promise<Removal | undefined> {
  const query = db.selectFrom('removed_devices').selectAll();
  if (typeof ref === 'number') return query.where('device_id', '=', ref).executeTakeFirst();
  if (ref.kind === 'given') return undefined;
  return query.where('kind', '=', ref.kind).where('name', '=', ref.text).executeTakeFirst();
}

/** The last removal in which this device took the place of another. */
export async function findReplacedBy(db: Reader, heir: DeviceId): Promise<Removal | undefined> {
  return db
    .selectFrom('removed_devices')
    .selectAll()
    .where('replaced_by_id', '=', atKey(heir))
    .orderBy('removed_at_ms', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The last removal of a device that had a name which this one has now. */
export async function findRemovalOfNames(db: Reader, id: DeviceId): Promise<Removal | undefined> {
  return db
    .selectFrom('removed_devices')
    .innerJoin('device_names', (join) =>
      join
        .onRef('device_names.kind', '=', 'removed_devices.kind')
        .onRef('device_names.name', '=', 'removed_devices.name'),
    )
    .selectAll('removed_devices')
    .where('device_names.device_id', '=', atKey(id))
    .orderBy('removed_devices.removed_at_ms', 'desc')
    .limit(1)
    .executeTakeFirst();
}
