// Brings a database to the present schema: all missing steps in one transaction, or none. (Kysely's own migrator does not
// run SQLite's steps in a transaction.) A database that is newer than the program is refused before anything is written.

import { type Kysely, sql } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Dialect } from './database.ts';
import { MIGRATIONS, type Migration } from '#server/db/migrations/migrations.ts';
import type { Schema, Trx } from './schema.ts';
import { outdated } from './trouble.ts';

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

/**
 * The number of steps of this database, in one statement, where the program's own steps are known to be done: for a server
 * that runs. Undefined where it is as this program knows it, else why the program must not go on.
 */
export async function findOutdated(
  db: Kysely<Schema>,
  known: readonly Migration[] = MIGRATIONS,
): Promise<OtterError | undefined> {
  const { rows } = await sql<{
    readonly version: number;
  }>`select max(version) as version from schema_version`.execute(db);
  return outdatedAt(rows[0]?.version ?? 0, known);
}

/** The same of a number of steps that is known. */
export function outdatedAt(found: number, known: readonly Migration[] = MIGRATIONS): OtterError | undefined {
  return found > known.length ? outdated(found, known.length) : undefined;
}

/** Runs the steps that are missing; resolves with how many those were. */
export async function migrate(
  db: Kysely<Schema>,
  dialect: Dialect,
  known: readonly Migration[] = MIGRATIONS,
  onNote: (note: string) => void = () => undefined,
): Promise<number> {
  return db.transaction().execute(async (trx) => migrateIn(trx, dialect, known, onNote));
}

/** The same in a transaction that does more than that. */
export async function migrateIn(
  trx: Trx,
  dialect: Dialect,
  known: readonly Migration[] = MIGRATIONS,
  onNote: (note: string) => void = () => undefined,
): Promise<number> {
  if (dialect === 'postgres') await lockMigrations(trx, onNote);
  await sql`create table if not exists schema_version (version integer primary key, name text not null)`.execute(trx);
  await assertNotNewer(trx, dialect, known);
  const done = await schemaVersion(trx, dialect);
  if (done > 0 && done < known.length) onNote(`the database is migrated from schema ${done} to ${known.length}`);
  for (const [index, migration] of known.entries()) {
    if (index < done) continue;
    await migration.up(trx, dialect);
    await sql`insert into schema_version (version, name) values (${index + 1}, ${migration.name})`.execute(trx);
  }
  if (done > 0 && done < known.length) await tellRunningServers(trx);
  return known.length - done;
}

/** Another server that migrates may take minutes; when it is done there is nothing left to do here. */
async function lockMigrations(trx: Trx, onNote: (note: string) => void): Promise<void> {
  const { rows } = await sql<{
    readonly mine: boolean;
  }>`select pg_try_advisory_xact_lock(${POSTGRES_LOCK}) as mine`.execute(trx);
  if (rows[0]?.mine === true) return;
  onNote('another server is migrating the database: this one waits for it, however long it takes');
  await sql`select pg_advisory_xact_lock(${POSTGRES_LOCK})`.execute(trx);
}

/** Each of them loads the catalog of the new revision with its next request, and finds the newer schema. */
async function tellRunningServers(trx: Trx): Promise<void> {
  await sql`update catalog set revision = revision + 1`.execute(trx);
}

/** 0: there is no table of Otter. */
export async function schemaVersion(db: Kysely<Schema>, dialect: Dialect): Promise<number> {
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
