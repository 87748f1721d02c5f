// SQLite through `node:sqlite`: one writing connection with group commit, one reading connection for what must not wait for
// a commit (WAL). Durable on power loss: `synchronous=FULL`, read back and checked. One server process per database file, held by
// a lock that the operating system releases even after kill -9.

import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Database } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { lockDatabaseFile } from '#server/disk/data-locks.ts';
import { findWriteFault } from '#server/disk/write-proof.ts';
import { assertNotNewer, migrate } from './migrate.ts';
import { isLocked, SqliteTrouble } from './sqlite-trouble.ts';
import { PageCheck } from './page-check.ts';
import type { Schema } from './schema.ts';
import { damaged } from './trouble.ts';
import { proveWrite } from './write-proof.ts';

/** At the start, a writer outside of this process (a backup, a shell) is waited for this long. */
const BUSY_TIMEOUT_MS = 2_000;

/** Later node:sqlite may not wait for it at all, since it does so with the event loop held: `GroupCommit` waits instead. */
const BUSY_TIMEOUT_RUNNING_MS = 0;

/** Page cache of each connection, in KiB: holds the upper levels of every index of a large fleet. */
const CACHE_KIB = 16_384;

/** Distinct statements kept prepared; the code has fewer, so the bound is only a guard. */
const MAX_PREPARED = 500;

export interface SqliteOptions {
  /** Of the server, for those who are refused because of it. */
  readonly home?: string;
  /** Told what takes long. */
  readonly onNote?: (note: string) => void;
}

/**
 * Opens (and makes, and migrates) the database file; after an unclean stop it is checked first. Throws `start_refused`,
 * `database_damaged`, `storage_read_only` or `storage_full` where that is not safe, with the file.
 */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<Database> {
  const { home = dirname(file), onNote = () => undefined } = options;
  mkdirSync(dirname(file), { recursive: true });
  const lock = lockDatabaseFile(file, home);
  const trouble = new SqliteTrouble(file);
  try {
    return await openLocked({ file, lock, trouble }, { onNote });
  } catch (error) {
    lock.release();
    const explained = trouble.explain(error);
    if (!(explained instanceof OtterError) || explained.code === 'start_refused') throw explained;
    throw new OtterError(explained.code, `cannot use the database ${file}: ${explained.message}`, explained.hint, {
      cause: error,
    });
  }
}

interface Opened {
  readonly file: string;
  readonly lock: ReturnType<typeof lockDatabaseFile>;
  readonly trouble: SqliteTrouble;
}

async function openLocked(opened: Opened, { onNote }: { readonly onNote: (note: string) => void }): Promise<Database> {
  const { file, lock, trouble } = opened;
  // SQLite removes it when the last connection is closed: it is there where that did not happen.
  const wasUnclean = (statSync(`${lock.target}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const writer = connect(file, { readOnly: false });
  try {
    const writerStatements = adapt(writer, { begin: 'begin immediate', trouble });
    const writing = new Kysely<Schema>({ dialect: new SqliteDialect({ database: writerStatements }) });
    await assertNotNewer(writing, 'sqlite');
    if (wasUnclean) quickCheck(writer, lock.target, onNote);
    setPragmas(writer);
    await migrate(writing, 'sqlite');
    writer.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_RUNNING_MS}`);
    const reader = connect(file, { readOnly: true });
    const beside = readBeside(writer, writerStatements, reader, trouble);
    const reading = new Kysely<Schema>({ dialect: new SqliteDialect({ database: beside }) });
    return describe({ ...opened, writer, reader, writing, reading });
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** Reads every page, as a power cut or a disk may have left them. Throws `database_damaged`. */
function quickCheck(connection: DatabaseSync, file: string, onNote: (note: string) => void): void {
  const mebibytes = Math.ceil(statSync(file).size / 1_048_576);
  onNote(`the last stop was not a clean one: the database (${mebibytes} MiB) is checked`);
  const [first = 'no answer'] = Object.values(connection.prepare('pragma quick_check(1)').get() ?? {});
  if (first !== 'ok') throw damaged(String(first));
}

function describe(
  open: Opened & {
    readonly writer: DatabaseSync;
    readonly reader: DatabaseSync;
    readonly writing: Kysely<Schema>;
    readonly reading: Kysely<Schema>;
  },
): Database {
  const commits = new GroupCommit({
    kysely: open.writing,
    isLocked,
    // Without the wait a power cut may take the latest commits, in WAL mode never the order of them (sqlite.org/pragma.html).
    setDurable: (isDurable) => open.writer.exec(`pragma synchronous = ${isDurable ? 'full' : 'normal'}`),
  });
  const pages = new PageCheck(open.lock.target, (why) => open.trouble.noteDamage(why));
  return {
    dialect: 'sqlite',
    identity: `sqlite:${open.lock.target}`,
    read: open.reading,
    write: async (job) => commits.write(job, { isSoft: false }),
    writeSoft: async (job) => commits.write(job, { isSoft: true }),
    retire: () => undefined,
    snapshot: async (job) => open.reading.transaction().execute(job),
    check: async () => {
      pages.look();
      await proveWrites(open, commits);
    },
    close: async () => {
      await pages.stop();
      await commits.idle();
      await open.reading.destroy();
      await open.writing.destroy();
      // Kysely closes none that it never used, and only with the last one SQLite brings its journal to an end.
      for (const connection of [open.reader, open.writer]) if (connection.isOpen) connection.close();
      open.lock.release();
    },
  };
}

/** Throws what keeps the database from taking a write. */
async function proveWrites(
  { file, trouble }: { readonly file: string; readonly trouble: SqliteTrouble },
  commits: GroupCommit,
): Promise<void> {
  if (trouble.damage !== undefined) throw trouble.damage;
  // Where the disk failed, only the disk can say that it works again.
  await commits.write(proveWrite, { isSoft: !commits.hasFailed });
  // The journal may have room for a row where the disk has none for the next page.
  const fault = await findWriteFault(dirname(file), 'the disk of the database');
  if (fault !== undefined) throw fault;
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
export function adapt(
  connection: DatabaseSync,
  { begin, trouble }: { readonly begin: string; readonly trouble: SqliteTrouble },
): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare: (sql) => {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      // A transaction that will write takes the write lock at once: otherwise its first write could fail instead of wait.
      const statement = toKysely(prepare(connection, sql === 'begin' ? begin : sql, trouble), trouble);
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
function readBeside(
  writer: DatabaseSync,
  writerStatements: SqliteDatabase,
  reader: DatabaseSync,
  trouble: SqliteTrouble,
): SqliteDatabase {
  const own = adapt(reader, { begin: 'begin', trouble });
  return {
    close: () => reader.close(),
    // Kysely runs a statement right after it prepared it, so what holds here holds there.
    prepare: (sql) => {
      const needsOwn = writer.isTransaction || reader.isTransaction || sql === 'begin';
      return (needsOwn ? own : writerStatements).prepare(sql);
    },
  };
}

function toKysely(statement: StatementSync, trouble: SqliteTrouble): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => {
      try {
        return statement.all(...parameters.map(toSql));
      } catch (error) {
        throw trouble.explain(error);
      }
    },
    run: (parameters) => {
      try {
        return statement.run(...parameters.map(toSql));
      } catch (error) {
        throw trouble.explain(error);
      }
    },
    iterate: (parameters) => statement.iterate(...parameters.map(toSql)),
  };
}

function prepare(connection: DatabaseSync, sql: string, trouble: SqliteTrouble): StatementSync {
  try {
    return connection.prepare(sql);
  } catch (error) {
    throw trouble.explain(error);
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
