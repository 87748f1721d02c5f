// Steps by which browsers came to log in, and boards to have tokens of their own.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { identity, required } from './columns.ts';

export async function createSessions(db: Trx): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('opened_by', 'text', required)
    .addColumn('address', 'text', required)
    .addColumn('browser', 'text', required)
    .addColumn('opened_at_ms', 'bigint', required)
    .addColumn('used_at_ms', 'bigint', required)
    .addColumn('ends_at_ms', 'bigint', required)
    .execute();
  await db.schema
    .createTable('login_links')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('ends_at_ms', 'bigint', required)
    .execute();
}

/** A board that never enrolled has no row. */
export async function createIdentities(db: Trx, dialect: Dialect): Promise<void> {
  const table = db.schema
    .createTable('identities')
    .addColumn('kind', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('token_sha256', 'text', (c) => c.unique())
    .addColumn('enrolled_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .addColumn('side', 'text')
    .addColumn('side_since_ms', 'bigint', required)
    .addColumn('claimed_twice_at_ms', 'bigint')
    .addColumn('open_until_ms', 'bigint')
    .addPrimaryKeyConstraint('identities_key', ['kind', 'name']);
  await (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
  await sql`create index identities_claimed on identities (claimed_twice_at_ms) where claimed_twice_at_ms is not null`.execute(
    db,
  );
  await db.schema
    .createTable('pending_enrolments')
    .addColumn('id', ...identity(dialect))
    .addColumn('token_sha256', 'text', (c) => c.notNull().unique())
    .addColumn('kind', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('asked_at_ms', 'bigint', required)
    .addColumn('address', 'text', required)
    .execute();
  await db.schema.createIndex('pending_enrolments_name').on('pending_enrolments').columns(['kind', 'name']).execute();
}

export async function createCredentials(db: Trx): Promise<void> {
  await db.schema
    .createTable('credentials')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', required)
    .execute();
}

export async function createTicketKeys(db: Trx): Promise<void> {
  await db.schema
    .createTable('ticket_keys')
    .addColumn('week', 'bigint', (c) => c.primaryKey())
    .addColumn('key', 'text', required)
    .execute();
}

/** When a report that repeats a number last said something else; with an index of those few alone, for `otter status` counts them. */
export async function addDifferingReports(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('reports_differ_at_ms', 'bigint').execute();
  await sql`create index devices_reports_differ on devices (reports_differ_at_ms) where reports_differ_at_ms is not null`.execute(
    db,
  );
}

/** What was opened before belongs to no token: browsers log in once more. */
export async function addSessionTokens(db: Trx): Promise<void> {
  for (const table of ['sessions', 'login_links'])
    await db.schema
      .alterTable(table)
      .addColumn('token_digest', 'text', (c) => c.notNull().defaultTo(''))
      .execute();
}
