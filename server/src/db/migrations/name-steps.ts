// Steps by which operators write on things: names of devices, notes on devices, firmware and rollouts.

import { sql } from 'kysely';
import { sortNameOf, UNNAMED_SORT } from '#protocol/identity.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';

export async function addGivenNames(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('given_name', 'text').execute();
  await db.schema.alterTable('devices').addColumn('given_key', 'text').execute();
  await sql`create unique index devices_given on devices (given_key) where given_key is not null`.execute(db);
  await db.schema.alterTable('events').addColumn('given_name', 'text').execute();
}

/** By it devices are sorted by name. A step before this one made names possible, in the same release. */
export async function addSortNames(db: Trx, dialect: Dialect): Promise<void> {
  // Compared byte for byte, whatever language the database is of.
  const text = dialect === 'postgres' ? sql`text collate "C"` : sql`text`;
  await db.schema
    .alterTable('devices')
    .addColumn('sort_name', text, (c) => c.notNull().defaultTo(UNNAMED_SORT))
    .execute();
  const named = await db
    .selectFrom('devices')
    .select(['id', 'given_name'])
    .where('given_name', 'is not', null)
    .execute();
  for (const { id, given_name } of named)
    await db
      .updateTable('devices')
      .set({ sort_name: sortNameOf(given_name) })
      .where('id', '=', id)
      .execute();
  await db.schema.createIndex('devices_sort_name').on('devices').columns(['sort_name', 'id']).execute();
}

export async function addNotes(db: Trx): Promise<void> {
  for (const table of ['devices', 'firmware', 'rollouts']) {
    await db.schema.alterTable(table).addColumn('note', 'text').execute();
    await db.schema.alterTable(table).addColumn('note_by', 'text').execute();
    await db.schema.alterTable(table).addColumn('note_at_ms', 'bigint').execute();
  }
}
