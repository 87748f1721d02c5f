// Brings a database to the present schema: all missing steps in one transaction, or none. (Kysely's own migrator does not
// run SQLite's steps in a transaction.) A database that is newer than the program is refused before anything is written.

import { type Kysely, sql } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Dialect } from './database.ts';
import { MIGRATIONS, type Migration } from '#server/db/migrations/migrations.ts';
import type { Schema } from './schema.ts';

/** Any constant: server processes that start at the same time wait for each other on it. */
const POSTGRES_LOCK = 0x07_7e_12;

/** Throws `start_refused` where the database has steps that this program does not know. Reads only. */
export async function assertNotNewer(
  db: Kysely<Schema>,
  dialect: Dialect,
  known: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const found = await schemaVersion(db, dialect);
  if (found <= known.length) return;
  throw new OtterError(
    'start_refused',
    `the database has schema ${found}, this program knows schema ${known.length}`,
    'start the newer Otter that wrote it, or restore a backup made with this version; nothing was changed',
  );
}

/** Runs the steps that are missing; resolves with how many those were. */
export async function migrate(
  db: Kysely<Schema>,
  dialect: Dialect,
  known: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  return db.transaction().execute(async (trx) => {
    if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${POSTGRES_LOCK})`.execute(trx);
    await sql`create table if not exists schema_version (version integer primary key, name text not null)`.execute(trx);
    await assertNotNewer(trx, dialect, known);
    const done = await schemaVersion(trx, dialect);
    for (const [index, migration] of known.entries()) {
      if (index < done) continue;
      await migration.up(trx, dialect);
      await sql`insert into schema_version (version, name) values (${index + 1}, ${migration.name})`.execute(trx);
    }
    return known.length - done;
  });
}

async function schemaVersion(db: Kysely<Schema>, dialect: Dialect): Promise<number> {
  const tables =
    dialect === 'postgres'
      ? sql<{
          readonly name: string;
        }>`select table_name as name from information_schema.tables where table_schema = current_schema() and table_name = 'schema_version'`
      : sql<{ readonly name: string }>`select name from sqlite_master where type = 'table' and name = 'schema_version'`;
  if ((await tables.execute(db)).rows.length === 0) return 0;
  const { rows } = await sql<{
    readonly version: number | null;
  }>`select max(version) as version from schema_version`.execute(db);
  return rows[0]?.version ?? 0;
}
