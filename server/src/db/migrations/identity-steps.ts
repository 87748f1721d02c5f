// Steps by which a device came to have an id that people see, and names.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { required } from './columns.ts';

/**
 * The MAC of every device that is there becomes its name, and stays its first one. Events that were told before say no device: which
 * one a MAC meant then, after devices were removed, nobody can tell.
 */
export async function createDeviceNames(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('devices').renameColumn('mac', 'first_name').execute();
  const table = db.schema
    .createTable('device_names')
    .addColumn('kind', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('device_names_key', ['kind', 'name']);
  // The key is the table: a check-in finds its device with as many searches as by a column of its own.
  await (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
  await sql`insert into device_names (kind, name, device_id)
    select 'mac', first_name, id from devices order by first_name`.execute(db);
  await db.schema.createIndex('device_names_device').on('device_names').column('device_id').execute();
  await db.schema.alterTable('events').addColumn('device_id', 'bigint').execute();
}
