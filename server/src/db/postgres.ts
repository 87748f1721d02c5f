// PostgreSQL through `pg`, for fleets that outgrow one machine. Any number of server processes share one database; every
// write is a transaction of its own and PostgreSQL groups the commits.

import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { OtterError } from '#protocol/errors.ts';
import type { Database } from './database.ts';
import { assertNotNewer, migrate } from './migrate.ts';
import type { Schema, Trx } from './schema.ts';

/** Connections of one server process. A check-in holds one for a millisecond. */
const POOL_SIZE = 10;

/** A server that starts with its machine may be up before PostgreSQL is. */
const CONNECT_PATIENCE_MS = 60_000;
const CONNECT_RETRY_MS = 1_000;

/** A request waits this long for a connection and for its query before it is answered 503. */
const WAIT_MS = 5_000;

/** Conflicts with another server process (serialization, deadlock, unique index): run again this often. */
const MAX_ATTEMPTS = 8;
const CONFLICTS = new Set(['40001', '40P01', '23505']);

const DISK_FULL = '53100';

/**
 * Connects (trying for up to a minute), migrates. Throws `start_refused` with the address, never the password.
 * @param url `postgres://user:password@host:port/database`
 */
export async function openPostgres(url: string, options: { readonly patienceMs?: number } = {}): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: WAIT_MS,
    statement_timeout: WAIT_MS,
    application_name: 'otter',
    types: {
      getTypeParser: (oid, format) =>
        // Numbers of 64 bits (`count(*)`, keys, instants) fit a double here: all are below 2^53.
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks while idle is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  try {
    await waitForServer(pool, url, options.patienceMs ?? CONNECT_PATIENCE_MS);
    await assertNotNewer(db, 'postgres');
    await migrate(db, 'postgres');
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    dialect: 'postgres',
    read: db,
    write: async (job) => writeWithRetry(db, job),
    snapshot: async (job) => db.transaction().setIsolationLevel('repeatable read').execute(job),
    check: async () => void (await db.selectFrom('catalog').select('revision').execute()),
    close: async () => db.destroy(),
  };
}

async function writeWithRetry<T>(db: Kysely<Schema>, job: (trx: Trx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().setIsolationLevel('repeatable read').execute(job);
    } catch (error) {
      if (!CONFLICTS.has(codeOf(error)) || attempt >= MAX_ATTEMPTS) throw explain(error);
    }
  }
}

async function waitForServer(pool: pg.Pool, url: string, patienceMs: number): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      const isPassing = codeOf(error).startsWith('E') || codeOf(error) === '57P03' || codeOf(error) === '';
      if (isPassing && performance.now() < giveUpAt) {
        await sleep(CONNECT_RETRY_MS);
        continue;
      }
      const why = error instanceof Error ? error.message || codeOf(error) : String(error);
      throw new OtterError(
        'start_refused',
        `cannot use PostgreSQL at ${addressOf(url)}: ${why}`,
        'check that it runs and that user, password and database in `database:` are right',
        { cause: error },
      );
    }
  }
}

function explain(error: unknown): unknown {
  const code = codeOf(error);
  if (code === DISK_FULL)
    return new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
  const isGone =
    code === '57014' ||
    code.startsWith('08') ||
    code.startsWith('57P') ||
    code.startsWith('E') ||
    (error instanceof Error && /timeout|terminated/i.test(error.message));
  return isGone
    ? new OtterError('unavailable', 'the database does not answer', 'try again in a few seconds', {
        retryAfterS: 5,
        cause: error,
      })
    : error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Host, port and database without the password. */
function addressOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
}
