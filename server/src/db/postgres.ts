// PostgreSQL through `pg`, for fleets that outgrow one machine. Any number of server processes share one database; every
// write is a transaction of its own and PostgreSQL groups the commits.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
  sql,
} from 'kysely';
import pg from 'pg';
import { OtterError } from '#protocol/errors.ts';
import type { Database } from './database.ts';
import { adoptForeignEvents } from '#server/db/events/events.ts';
import { assertNotNewer, migrate } from './migrate.ts';
import type { Schema, Trx } from './schema.ts';

/** Connections of one server process. A check-in holds one for a millisecond. */
const POOL_SIZE = 10;

/** A server that starts with its machine may be up before PostgreSQL is. */
const CONNECT_PATIENCE_MS = 60_000;
const CONNECT_RETRY_MS = 1_000;

/** A request waits this long for a connection, and PostgreSQL works this long on a query, before it is answered 503. */
const WAIT_MS = 4_000;

/** The same for a PostgreSQL that does not even say that it gave up. */
const SILENCE_MS = WAIT_MS + 500;

/** Conflicts with another server process (serialization, deadlock, unique index): run again this often. */
const MAX_ATTEMPTS = 8;
/** From this attempt on, those that had conflicts follow one another: many that write one row would else beat each other for ever. */
const FIRST_QUEUED_ATTEMPT = 3;
const CONFLICTS = new Set(['40001', '40P01', '23505']);

const DISK_FULL = '53100';

/** A query that took too long (57014), or no connection left on the side of PostgreSQL (53300). */
const BUSY = new Set(['57014', '53300']);

export interface OpenOptions {
  readonly patienceMs?: number;
  /** Told once where PostgreSQL is not up yet. */
  readonly onWait?: (message: string) => void;
}

/**
 * Connects (trying for up to a minute), migrates. Throws `start_refused` with the address, never the password.
 * @param url `postgres://user:password@host:port/database`
 */
export async function openPostgres(url: string, options: OpenOptions = {}): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: WAIT_MS,
    statement_timeout: WAIT_MS,
    query_timeout: SILENCE_MS,
    application_name: 'otter',
    types: {
      getTypeParser: (oid, format) =>
        // Numbers of 64 bits (`count(*)`, keys, instants) fit a double here: all are below 2^53.
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks is replaced by the pool; without listeners, of idle and of busy ones, it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: explaining(pool) }) });
  try {
    await waitForServer(pool, url, options);
    await assertNotNewer(db, 'postgres');
    await migrate(db, 'postgres');
    await db.transaction().execute(adoptForeignEvents);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    dialect: 'postgres',
    read: db,
    write: async (job) => writeWithRetry(db, job),
    writeSoft: async (job) =>
      writeWithRetry(db, async (trx) => {
        await sql`set local synchronous_commit = off`.execute(trx);
        return job(trx);
      }),
    snapshot: async (job) => db.transaction().setIsolationLevel('repeatable read').execute(job),
    check: async () => void (await db.selectFrom('catalog').select('revision').execute()),
    close: async () => db.destroy(),
  };
}

async function writeWithRetry<T>(db: Kysely<Schema>, job: (trx: Trx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (trx) => {
          // To lock a table is no query yet: what is read after it is what was committed meanwhile. Nobody else locks or writes it.
          if (attempt >= FIRST_QUEUED_ATTEMPT)
            await sql`lock table schema_version in share update exclusive mode`.execute(trx);
          return job(trx);
        });
    } catch (error) {
      if (!CONFLICTS.has(codeOf(error))) throw error;
      if (attempt >= MAX_ATTEMPTS) throw unavailable('too many writers are at work at once', error);
    }
  }
}

/** The pool as Kysely uses it, with every failure of a connection explained, of reads and of writes. */
function explaining(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    connect: async () => {
      try {
        return new ExplainingClient(await pool.connect());
      } catch (error) {
        throw explain(error);
      }
    },
    end: async () => pool.end(),
  };
}

class ExplainingClient implements PostgresPoolClient {
  readonly #client: PostgresPoolClient;
  /** Set when the connection failed: what follows in the same transaction fails at once, and the pool lets it go. */
  #failure: unknown;

  constructor(client: PostgresPoolClient) {
    this.#client = client;
  }

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(what: string | PostgresCursor<R>, parameters: readonly unknown[] = []) {
    return typeof what === 'string' ? this.#run<R>(what, parameters) : this.#client.query(what);
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#failure !== undefined);
  }

  async #run<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await this.#client.query<R>(text, parameters);
    } catch (error) {
      const explained = explain(error);
      if (isGone(error)) this.#failure = explained;
      throw explained;
    }
  }
}

async function waitForServer(pool: pg.Pool, url: string, { patienceMs, onWait }: OpenOptions): Promise<void> {
  const giveUpAt = performance.now() + (patienceMs ?? CONNECT_PATIENCE_MS);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      const why = error instanceof Error ? error.message || codeOf(error) : String(error);
      if (isGone(error) && performance.now() < giveUpAt) {
        if (attempt === 1) onWait?.(`PostgreSQL at ${addressOf(url)} does not answer yet (${why}); trying again`);
        await sleep(CONNECT_RETRY_MS);
        continue;
      }
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
  if (codeOf(error) === DISK_FULL)
    return new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
  return BUSY.has(codeOf(error)) || isGone(error) ? unavailable('the database does not answer', error) : error;
}

function unavailable(message: string, cause: unknown): OtterError {
  return new OtterError('unavailable', message, 'try again in a few seconds', { retryAfterS: 5, cause });
}

/** The connection is lost or was never made: class 08, a shutdown (57P), an error of the socket, or silence. */
function isGone(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== '') return code.startsWith('08') || code.startsWith('57P') || /^E[A-Z]/.test(code);
  return error instanceof Error && /timeout|terminated|not queryable/i.test(error.message);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Host, port and database without the password. */
function addressOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
}
