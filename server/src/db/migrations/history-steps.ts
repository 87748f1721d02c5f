// Steps by which it came to be kept how many devices ran which version.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { required } from './columns.ts';

export async function createVersionHours(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('heartbeat').addColumn('counted_hour', 'integer').execute();
  const table = db.schema
    .createTable('version_hours')
    .addColumn('slot', 'integer', required)
    .addColumn('hour', 'integer', required)
    .addColumn('product', 'text', required)
    .addColumn('version', 'text', required)
    .addColumn('devices', 'integer', required)
    // By product first: that is how it is read.
    .addPrimaryKeyConstraint('version_hours_key', ['product', 'slot', 'version']);
  await (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
  await db.schema.createIndex('version_hours_slot').on('version_hours').column('slot').execute();
}
