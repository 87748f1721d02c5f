// Steps by which operators write on things: names of devices, notes on devices, firmware and rollouts.

import { sql } from 'kysely';
import type { Trx } from '#server/db/schema.ts';

export async function addGivenNames(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('given_name', 'text').execute();
  await db.schema.alterTable('devices').addColumn('given_key', 'text').execute();
  await sql`create unique index devices_given on devices (given_key) where given_key is not null`.execute(db);
  await db.schema.alterTable('events').addColumn('given_name', 'text').execute();
}

export async function addNotes(db: Trx): Promise<void> {
  for (const table of ['devices', 'firmware', 'rollouts']) {
    await db.schema.alterTable(table).addColumn('note', 'text').execute();
    await db.schema.alterTable(table).addColumn('note_by', 'text').execute();
    await db.schema.alterTable(table).addColumn('note_at_ms', 'bigint').execute();
  }
}
