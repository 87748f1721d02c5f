// SQLite through `node:sqlite`: one writing connection with group commit, one reading connection that never waits for it
// (WAL). Durable on power loss: `synchronous=FULL`, read back and checked. One server process per database file, held by
// a lock that the operating system releases even after kill -9.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Database } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { assertNotNewer, migrate } from './migrate.ts';
import type { Schema, Trx } from './schema.ts';

/** A writer outside of this process (a backup, a shell) is waited for this long; node:sqlite waits with the event loop held. */
const BUSY_TIMEOUT_MS = 2_000;

/** Page cache of each connection, in KiB: holds the upper levels of every index of a large fleet. */
const CACHE_KIB = 16_384;

/** Distinct statements kept prepared; the code has fewer, so the bound is only a guard. */
const MAX_PREPARED = 500;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

/** Opens (and makes, and migrates) the database file. Throws `start_refused` where that is not safe. */
export async function openSqlite(file: string): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true });
  const lock = takeLock(`${file}.lock`);
  try {
    const writer = connect(file, { readOnly: false });
    const writing = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: adapt(writer, { begin: 'begin immediate' }) }),
    });
    await assertNotNewer(writing, 'sqlite');
    setPragmas(writer);
    await migrate(writing, 'sqlite');
    const reading = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: adapt(connect(file, { readOnly: true }), { begin: 'begin' }) }),
    });
    return describe({ writing, reading, lock });
  } catch (error) {
    lock.close();
    throw error;
  }
}

function describe(open: {
  readonly writing: Kysely<Schema>;
  readonly reading: Kysely<Schema>;
  readonly lock: DatabaseSync;
}): Database {
  const commits = new GroupCommit(open.writing);
  const write = async <T>(job: (trx: Trx) => Promise<T>): Promise<T> => commits.write(job).catch(explainFailure);
  return {
    dialect: 'sqlite',
    read: open.reading,
    write,
    snapshot: async (job) => open.reading.transaction().execute(job),
    check: async () => write(async (trx) => void (await trx.selectFrom('catalog').select('revision').execute())),
    close: async () => {
      await commits.idle();
      await open.reading.destroy();
      await open.writing.destroy();
      open.lock.close();
    },
  };
}

function connect(file: string, options: { readonly readOnly: boolean }): DatabaseSync {
  const connection = new DatabaseSync(file, {
    readOnly: options.readOnly,
    enableForeignKeyConstraints: true,
    timeout: BUSY_TIMEOUT_MS,
  });
  connection.exec(`pragma cache_size = -${CACHE_KIB}`);
  return connection;
}

function setPragmas(connection: DatabaseSync): void {
  connection.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
  const wanted = { journal_mode: 'wal', synchronous: 2, foreign_keys: 1, busy_timeout: BUSY_TIMEOUT_MS };
  for (const [name, value] of Object.entries(wanted)) {
    const found = Object.values(connection.prepare(`pragma ${name}`).get() ?? {})[0];
    if (found !== value) {
      throw new OtterError(
        'start_refused',
        `SQLite runs with ${name} = ${String(found)}, not ${value}`,
        'put the database on a local disk that supports it',
      );
    }
  }
}

/** Holds an exclusive transaction on a small database of its own for as long as the process lives. */
function takeLock(file: string): DatabaseSync {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('begin exclusive');
    return lock;
  } catch (error) {
    lock.close();
    throw new OtterError(
      'start_refused',
      `another Otter uses this database (${file} is locked)`,
      'stop the other one, or give this one its own --home; several processes need PostgreSQL',
      { cause: error },
    );
  }
}

/** `node:sqlite` in the shape that Kysely expects, with every statement prepared once. */
function adapt(connection: DatabaseSync, options: { readonly begin: string }): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare: (sql) => {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      // A transaction that will write takes the write lock at once: otherwise its first write could fail instead of wait.
      const statement = toKysely(connection.prepare(sql === 'begin' ? options.begin : sql));
      if (prepared.size >= MAX_PREPARED) prepared.clear();
      prepared.set(sql, statement);
      return statement;
    },
  };
}

function toKysely(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters.map(toSql)),
    run: (parameters) => statement.run(...parameters.map(toSql)),
    iterate: (parameters) => statement.iterate(...parameters.map(toSql)),
  };
}

/** `node:sqlite` takes an object in first place as named parameters and shifts the rest, so nothing but plain values may pass. */
function toSql(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'string' ||
    value instanceof Uint8Array
  )
    return value;
  throw new TypeError(`a ${typeof value} cannot be stored; store instants as milliseconds and objects as JSON text`);
}

function explainFailure(error: unknown): never {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  if (code === SQLITE_BUSY)
    throw new OtterError('unavailable', 'the database is locked by another program', 'try again in a few seconds', {
      retryAfterS: 5,
      cause: error,
    });
  if (code === SQLITE_FULL)
    throw new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
  throw error;
}
