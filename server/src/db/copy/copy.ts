// The three copies that there are: a database that is in use into a file, a file into a PostgreSQL that is given up to it, and the
// sums of either. All of them see one state of what they read, and either all of a copy is there or nothing of it.

import { rmSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, SqliteDialect } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import { addBackup, type BackupRow, hasRestore } from './backups.ts';
import { assertNotNewer, migrateIn, schemaVersion } from '#server/db/migrate.ts';
import { MIGRATIONS } from '#server/db/migrations/migrations.ts';
import { unhurried } from '#server/db/postgres.ts';
import type { Schema, Trx } from '#server/db/schema.ts';
import { SqliteTrouble } from '#server/db/sqlite-trouble.ts';
import { adapt } from '#server/db/sqlite.ts';
import { countConnections, dropUnused, findFilled, listStored, moveAside, postgresSide } from './postgres-side.ts';
import { listTables, schemaOf, sqliteSide } from './sqlite-side.ts';
import { type CopyOptions, copyRows, sumOf, type TableSum } from './tables.ts';

/** How PostgreSQL lists these connections: they are no server. */
const NAME = 'otter-copy';

/** A writer outside of this process is waited for this long. */
const BUSY_TIMEOUT_MS = 10_000;

/** How long PostgreSQL may take to notice that the client of a copy is gone. */
const LAST_COMMIT_MS = 60_000;
const LOOK_AGAIN_MS = 200;

/** Pages that are copied before anybody is told of it: some megabytes. */
const PAGES_AT_ONCE = 1_000;

/**
 * Copies a SQLite database that others may write at the same time, by the backup API of SQLite (sqlite.org/backup.html), as it was
 * at one moment. The copy is one file. Answers its schema. Throws `database_damaged`, what `onPages` throws, and the I/O error.
 */
export async function copySqliteFile(
  from: string,
  to: string,
  onPages: (done: number, all: number) => void,
): Promise<number> {
  const source = new DatabaseSync(from, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // A transaction that is open keeps its state: without it, every write of the server would begin the copy anew.
    source.exec('begin');
    source.prepare('select count(*) from sqlite_master').get();
    await backup(source, to, {
      rate: PAGES_AT_ONCE,
      progress: ({ totalPages, remainingPages }) => onPages(totalPages - remainingPages, totalPages),
    });
  } finally {
    source.close();
  }
  const copy = new DatabaseSync(to);
  try {
    copy.exec('pragma journal_mode = delete');
    refuseDamaged(copy, from, 'quick_check');
    return schemaOf(copy);
  } finally {
    copy.close();
  }
}

/** Reads every page, with `integrity_check` every index too. Throws `database_damaged`. */
export function refuseDamaged(file: DatabaseSync, name: string, check: 'quick_check' | 'integrity_check'): void {
  let first: unknown;
  try {
    [first = 'no answer'] = Object.values(file.prepare(`pragma ${check}(1)`).get() ?? {});
  } catch (error) {
    first = error instanceof Error ? error.message : String(error);
  }
  if (first === 'ok') return;
  throw new OtterError('database_damaged', `the database ${name} is damaged: ${String(first)}`, 'take an older backup');
}

/** Copies what a PostgreSQL holds at one moment into a new SQLite file of the same schema. Answers that schema. */
export async function copyPostgresToFile(url: string, to: string, options: CopyOptions): Promise<number> {
  return unhurried(url, NAME, async (db) =>
    db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (trx) => {
        await assertNotNewer(trx, 'postgres');
        const schema = await schemaVersion(trx, 'postgres');
        await makeFile(to, schema);
        const file = new DatabaseSync(to);
        try {
          file.exec('pragma synchronous = off; pragma foreign_keys = off; begin');
          await copyRows(postgresSide(trx), sqliteSide(file), listTables(file), options);
          file.exec('commit; pragma journal_mode = delete');
        } finally {
          file.close();
        }
        return schema;
      }),
  );
}

/** An empty database of this schema. */
async function makeFile(to: string, schema: number): Promise<void> {
  rmSync(to, { force: true });
  const connection = new DatabaseSync(to);
  connection.exec('pragma synchronous = off');
  const trouble = new SqliteTrouble(to);
  const db = new Kysely<Schema>({
    dialect: new SqliteDialect({ database: adapt(connection, { begin: 'begin', trouble }) }),
  });
  try {
    await db.transaction().execute(async (trx) => migrateIn(trx, 'sqlite', MIGRATIONS.slice(0, schema)));
  } finally {
    await db.destroy();
  }
}

export interface IntoPostgres extends CopyOptions {
  /** Into which schema what is there goes; undefined: a database with data is refused. */
  readonly aside: string | undefined;
}

/**
 * Copies a SQLite file into a PostgreSQL, all of it in one transaction; answers what each table holds, and whether something was put
 * aside. Throws `home_in_use`, `home_has_data`, and `start_refused` for a database that is newer than this program.
 */
export async function copyFileToPostgres(
  from: string,
  url: string,
  { aside, ...options }: IntoPostgres,
): Promise<{ readonly tables: readonly TableSum[]; readonly isAside: boolean }> {
  const file = new DatabaseSync(from, { readOnly: true });
  try {
    const tables = listTables(file);
    const schema = schemaOf(file);
    file.exec('begin');
    return await unhurried(url, NAME, async (db) =>
      db.transaction().execute(async (trx) => {
        await refuseUsed(trx);
        const stored = await listStored(
          trx,
          tables.map(({ name }) => name),
        );
        const filled = await findFilled(trx);
        if (filled !== undefined && aside === undefined) throw holdsData(filled);
        // Also those that a server has only made: their schema may be another one.
        if (aside === undefined) await dropUnused(trx, stored);
        else await moveAside(trx, stored, aside);
        await migrateIn(trx, 'postgres', MIGRATIONS.slice(0, schema));
        const sums = await copyRows(sqliteSide(file), postgresSide(trx), tables, options);
        return { tables: sums, isAside: aside !== undefined && stored.length > 0 };
      }),
    );
  } finally {
    file.close();
  }
}

/** Throws `home_in_use`, `home_has_data`, `start_refused`. */
export async function refuseUsedPostgres(url: string, options: { readonly mayHoldData: boolean }): Promise<void> {
  await unhurried(url, NAME, async (db) =>
    db.transaction().execute(async (trx) => {
      await refuseUsed(trx);
      const filled = await findFilled(trx);
      if (filled !== undefined && !options.mayHoldData) throw holdsData(filled);
    }),
  );
}

async function refuseUsed(trx: Trx): Promise<void> {
  await assertNotNewer(trx, 'postgres');
  const servers = await countConnections(trx, 'otter');
  if (servers === 0) return;
  throw new OtterError(
    'home_in_use',
    `a server uses this PostgreSQL database (${servers} connections)`,
    'stop every server of it first',
  );
}

function holdsData(table: string): OtterError {
  return new OtterError(
    'home_has_data',
    `the PostgreSQL database holds data already (table ${table} has rows)`,
    'name an empty database (createdb makes one); a restore can move aside what is there: --aside',
  );
}

/** What each table of a SQLite file holds. */
export async function sumsOfFile(path: string): Promise<readonly TableSum[]> {
  const file = new DatabaseSync(path, { readOnly: true });
  try {
    file.exec('begin');
    const sums: TableSum[] = [];
    for (const table of listTables(file)) sums.push(await sumOf(sqliteSide(file), table));
    return sums;
  } finally {
    file.close();
  }
}

/** Notes a backup in the database that it was made of. Resolves with why that was not possible, or null: a backup is good without. */
export async function noteBackup(
  database: { readonly kind: 'sqlite'; readonly file: string } | { readonly kind: 'postgres'; readonly url: string },
  row: BackupRow,
): Promise<string | null> {
  const note = async (db: Kysely<Schema>): Promise<void> => {
    await db.transaction().execute(async (trx) => addBackup(trx, row));
  };
  try {
    if (database.kind === 'postgres') await unhurried(database.url, NAME, note);
    else await withFile(database.file, note);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A second writer beside the server, for one short transaction: SQLite lets one wait for the other. */
async function withFile(path: string, work: (db: Kysely<Schema>) => Promise<void>): Promise<void> {
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  const trouble = new SqliteTrouble(path);
  const dialect = new SqliteDialect({ database: adapt(connection, { begin: 'begin immediate', trouble }) });
  const db = new Kysely<Schema>({ dialect });
  try {
    await work(db);
  } finally {
    await db.destroy();
  }
}

/**
 * Whether the transaction of this restore was committed. PostgreSQL may still be at it where its client was killed: that is waited for.
 * Throws `start_refused` where it does not end.
 */
export async function holdsRestore(url: string, id: string): Promise<boolean> {
  const giveUpAtMs = performance.now() + LAST_COMMIT_MS;
  while (await unhurried(url, NAME, async (db) => db.transaction().execute(hasOtherCopies))) {
    if (performance.now() > giveUpAtMs)
      throw new OtterError('start_refused', 'a copy into this PostgreSQL is at work', 'wait until it has ended');
    await sleep(LOOK_AGAIN_MS);
  }
  return unhurried(url, NAME, async (db) =>
    db.transaction().execute(async (trx) => {
      const isThere = (await listStored(trx, ['restores'])).includes('restores');
      return isThere && (await hasRestore(trx, id));
    }),
  );
}

async function hasOtherCopies(trx: Trx): Promise<boolean> {
  return (await countConnections(trx, NAME)) > 0;
}
