// SQLite through `node:sqlite`: one writing connection with group commit, one reading connection for what must not wait for
// a commit (WAL). Durable on power loss: `synchronous=FULL`, read back and checked. One server process per database file, held by
// a lock that the operating system releases even after kill -9.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Database } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { type DataLock, lockDatabaseFile } from '#server/locks/data-locks.ts';
import { assertNotNewer, migrate } from './migrate.ts';
import type { Schema } from './schema.ts';

/** At the start, a writer outside of this process (a backup, a shell) is waited for this long. */
const BUSY_TIMEOUT_MS = 2_000;

/** Later node:sqlite may not wait for it at all, since it does so with the event loop held: `GroupCommit` waits instead. */
const BUSY_TIMEOUT_RUNNING_MS = 0;

/** Page cache of each connection, in KiB: holds the upper levels of every index of a large fleet. */
const CACHE_KIB = 16_384;

/** Distinct statements kept prepared; the code has fewer, so the bound is only a guard. */
const MAX_PREPARED = 500;

const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

export interface SqliteOptions {
  /** Of the server, for those who are refused because of it. */
  readonly home?: string;
}

/** Opens (and makes, and migrates) the database file. Throws `start_refused` where that is not safe. */
export async function openSqlite(file: string, { home = dirname(file) }: SqliteOptions = {}): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true });
  const lock = lockDatabaseFile(file, home);
  try {
    return await openLocked(file, lock);
  } catch (error) {
    lock.release();
    if (resultCodeOf(error) === undefined) throw error;
    throw new OtterError(
      'start_refused',
      `cannot use the database ${file}: ${error instanceof Error ? error.message : String(error)}`,
      'let the user that runs Otter write to it, or restore a backup; nothing was changed',
      { cause: error },
    );
  }
}

async function openLocked(file: string, lock: DataLock): Promise<Database> {
  const writer = connect(file, { readOnly: false });
  try {
    const writerStatements = adapt(writer, { begin: 'begin immediate' });
    const writing = new Kysely<Schema>({ dialect: new SqliteDialect({ database: writerStatements }) });
    await assertNotNewer(writing, 'sqlite');
    setPragmas(writer);
    await migrate(writing, 'sqlite');
    writer.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_RUNNING_MS}`);
    const reading = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: readBeside(writer, writerStatements, connect(file, { readOnly: true })) }),
    });
    return describe({ file, writer, writing, reading, lock });
  } catch (error) {
    writer.close();
    throw error;
  }
}

function describe(open: {
  readonly file: string;
  readonly writer: DatabaseSync;
  readonly writing: Kysely<Schema>;
  readonly reading: Kysely<Schema>;
  readonly lock: DataLock;
}): Database {
  const commits = new GroupCommit({
    kysely: open.writing,
    isLocked,
    // Without the wait a power cut may take the latest commits, in WAL mode never the order of them (sqlite.org/pragma.html).
    setDurable: (isDurable) => open.writer.exec(`pragma synchronous = ${isDurable ? 'full' : 'normal'}`),
  });
  return {
    dialect: 'sqlite',
    identity: `sqlite:${open.file}`,
    read: open.reading,
    write: async (job) => commits.write(job, { isSoft: false }),
    writeSoft: async (job) => commits.write(job, { isSoft: true }),
    snapshot: async (job) => open.reading.transaction().execute(job),
    check: async () =>
      commits.write(async (trx) => void (await trx.selectFrom('catalog').select('revision').execute()), {
        isSoft: true,
      }),
    close: async () => {
      await commits.idle();
      await open.reading.destroy();
      await open.writing.destroy();
      open.lock.release();
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

/** `node:sqlite` in the shape that Kysely expects, with every statement prepared once. */
function adapt(connection: DatabaseSync, options: { readonly begin: string }): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare: (sql) => {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      // A transaction that will write takes the write lock at once: otherwise its first write could fail instead of wait.
      const statement = toKysely(prepare(connection, sql === 'begin' ? options.begin : sql));
      if (sql === 'rollback') return unlessRolledBack(connection, statement);
      if (prepared.size >= MAX_PREPARED) prepared.clear();
      prepared.set(sql, statement);
      return statement;
    },
  };
}

/**
 * Reads what is committed, without waiting for a commit under way. Outside of transactions the writing connection answers:
 * its page cache stays warm, while SQLite empties that of every other connection at each commit.
 */
function readBeside(writer: DatabaseSync, writerStatements: SqliteDatabase, reader: DatabaseSync): SqliteDatabase {
  const own = adapt(reader, { begin: 'begin' });
  return {
    close: () => reader.close(),
    // Kysely runs a statement right after it prepared it, so what holds here holds there.
    prepare: (sql) => {
      const needsOwn = writer.isTransaction || reader.isTransaction || sql === 'begin';
      return (needsOwn ? own : writerStatements).prepare(sql);
    },
  };
}

function toKysely(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => {
      try {
        return statement.all(...parameters.map(toSql));
      } catch (error) {
        throw explain(error);
      }
    },
    run: (parameters) => {
      try {
        return statement.run(...parameters.map(toSql));
      } catch (error) {
        throw explain(error);
      }
    },
    iterate: (parameters) => statement.iterate(...parameters.map(toSql)),
  };
}

function prepare(connection: DatabaseSync, sql: string): StatementSync {
  try {
    return connection.prepare(sql);
  } catch (error) {
    throw explain(error);
  }
}

/** SQLite rolls back by itself when the disk is full; a second time would fail, and hide why. */
function unlessRolledBack(connection: DatabaseSync, rollback: SqliteStatement): SqliteStatement {
  return {
    ...rollback,
    run: (parameters) => (connection.isTransaction ? rollback.run(parameters) : { changes: 0n, lastInsertRowid: 0n }),
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

function explain(error: unknown): unknown {
  const code = resultCodeOf(error);
  if (code === SQLITE_BUSY)
    return new OtterError('unavailable', 'the database is locked by another program', 'try again in a few seconds', {
      retryAfterS: 5,
      cause: error,
    });
  if (code === SQLITE_IOERR)
    return new OtterError('unavailable', 'the disk of the database fails', 'look at the disk of the server', {
      retryAfterS: 60,
      cause: error,
    });
  if (code === SQLITE_FULL)
    return new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
  return error;
}

function isLocked(error: unknown): boolean {
  return error instanceof OtterError && resultCodeOf(error.cause) === SQLITE_BUSY;
}

/** The primary result code; the bits above the lowest eight say more (sqlite.org/rescode.html). */
function resultCodeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}
