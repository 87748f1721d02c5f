// Steps by which labels came to have a query that says which devices have them, and rollouts to keep who belongs to them.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { required, withDefault } from './columns.ts';

export async function addDynamicLabels(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('labels').addColumn('query', 'text').execute();
  // A tick asks whether there are any: few labels are dynamic.
  await sql`create index labels_dynamic on labels (id) where query is not null`.execute(db);
  const table = db.schema
    .createTable('stage_members')
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('stage_id', 'bigint', (c) => c.notNull().references('stages.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('stage_members_key', ['device_id', 'stage_id']);
  // The key is the table: a check-in looks up those of its device.
  await (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
  await db.schema.createIndex('stage_members_stage').on('stage_members').columns(['stage_id', 'device_id']).execute();
}

/** Of boards that are there it is known after their next check. */
export async function addFlapping(db: Trx): Promise<void> {
  await db.schema.alterTable('presence').addColumn('is_flapping', 'integer', withDefault(0)).execute();
}

export async function createSavedQueries(db: Trx): Promise<void> {
  await db.schema
    .createTable('saved_queries')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('query', 'text', required)
    .addColumn('saved_by', 'text', required)
    .addColumn('saved_at_ms', 'bigint', required)
    .execute();
}
