// Steps by which it is known of a device that it was there before.

import type { Trx } from '#server/db/schema.ts';
import { required } from './columns.ts';

/** By the names of what was removed: they are what a board comes back with. */
export async function createRemovedDevices(db: Trx): Promise<void> {
  await db.schema
    .createTable('removed_devices')
    .addColumn('kind', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('device_id', 'bigint', required)
    .addColumn('removed_at_ms', 'bigint', required)
    .addColumn('removed_by', 'text', required)
    .addColumn('replaced_by_id', 'bigint')
    .addColumn('replaced_by', 'text')
    .addColumn('back_at_ms', 'bigint')
    .addPrimaryKeyConstraint('removed_devices_key', ['kind', 'name'])
    .execute();
  await db.schema.createIndex('removed_devices_device').on('removed_devices').column('device_id').execute();
}
