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
import { MIGRATIONS, type Migration } from '#server/db/migrations/migrations.ts';
import type { Schema, Trx } from './schema.ts';
import { damaged, readOnly, unavailable } from './trouble.ts';
import { proveWrite } from './write-proof.ts';

/** Connections of one server process. A check-in holds one for a millisecond. */
const POOL_SIZE = 10;

/** A server that starts with its machine may be up before PostgreSQL is. */
const CONNECT_PATIENCE_MS = 60_000;
const CONNECT_RETRY_MS = 1_000;

/** A request waits this long for a connection, and PostgreSQL works this long on a query, before it is answered 503. */
const WAIT_MS = 4_000;

/** So much longer is waited for a PostgreSQL that does not even say that it gave up. */
const SILENCE_MARGIN_MS = 500;

/** Conflicts with another server process (serialization, deadlock, unique index): run again this often. */
const MAX_ATTEMPTS = 8;
/** From this attempt on, those that had conflicts follow one another: many that write one row would else beat each other for ever. */
const FIRST_QUEUED_ATTEMPT = 3;
const CONFLICTS = new Set(['40001', '40P01', '23505']);

const DISK_FULL = '53100';
const READ_ONLY = '25006';
const NO_RIGHT = '42501';

/** A damaged page or index, and a file that is not there. */
const DAMAGED = new Set(['XX001', 'XX002', '58P01']);

/** The disk of PostgreSQL failed. */
const IO_ERROR = '58030';

/** Damage that a request met is told by /readyz for so long, in milliseconds: an index can be made anew without a restart. */
const DAMAGE_MEMORY_MS = 600_000;

const BUSY_RETRY_S = 5;
const DISK_RETRY_S = 60;

/** A query that took too long (57014), or no connection left on the side of PostgreSQL (53300). */
const BUSY = new Set(['57014', '53300']);

export interface OpenOptions {
  readonly patienceMs?: number;
  /** Told where PostgreSQL is not up yet, where another server migrates, and what takes long. */
  readonly onWait?: (message: string) => void;
  /** What a query may take, in milliseconds; a migration takes as long as it takes. */
  readonly queryMs?: number;
  readonly migrations?: readonly Migration[];
}

/**
 * Connects (trying for up to a minute), migrates. Throws `start_refused` with the address, never the password.
 * @param url `postgres://user:password@host:port/database`
 */
export async function openPostgres(url: string, options: OpenOptions = {}): Promise<Database> {
  const { queryMs = WAIT_MS, migrations = MIGRATIONS, onWait = () => undefined } = options;
  const pool = poolOf(url, {
    max: POOL_SIZE,
    connectionTimeoutMillis: WAIT_MS,
    statement_timeout: queryMs,
    query_timeout: queryMs + SILENCE_MARGIN_MS,
  });
  let retired: OtterError | undefined;
  let damage: { readonly error: OtterError; readonly atMs: number } | undefined;
  const guard: Guard = {
    refuse: () => retired,
    note: (error) => (damage = { error, atMs: performance.now() }),
  };
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: explaining(pool, guard) }) });
  let identity: string;
  try {
    await waitForServer(pool, url, options);
    await assertNotNewer(db, 'postgres', migrations);
    await migrateUnhurried(url, migrations, onWait);
    identity = await identityOf(pool, url);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    dialect: 'postgres',
    identity,
    read: db,
    write: async (job) => writeWithRetry(db, job),
    writeSoft: async (job) => writeWithRetry(db, async (trx) => asSoft(trx, job)),
    snapshot: async (job) => db.transaction().setIsolationLevel('repeatable read').execute(job),
    check: async () => {
      if (damage !== undefined && performance.now() - damage.atMs < DAMAGE_MEMORY_MS) throw damage.error;
      await provePostgres(db);
    },
    retire: (why) => void (retired ??= why),
    close: async () => db.destroy(),
  };
}

function poolOf(url: string, config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'otter',
    types: {
      getTypeParser: (oid, format) =>
        // Numbers of 64 bits (`count(*)`, keys, instants) fit a double here: all are below 2^53.
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
    ...config,
  });
  // A connection that breaks is replaced by the pool; without listeners, of idle and of busy ones, it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** A large table takes its time, and so does another server that is at it. */
async function migrateUnhurried(
  url: string,
  migrations: readonly Migration[],
  onWait: (message: string) => void,
): Promise<void> {
  await unhurried(url, 'otter', async (db) => {
    await migrate(db, 'postgres', migrations, onWait);
    await db.transaction().execute(adoptForeignEvents);
  });
}

/**
 * Works on a connection of its own, without the limits of a request. `name` is how PostgreSQL lists it: servers are `otter`.
 * Errors: those of the work, and `start_refused` where nothing answers.
 */
export async function unhurried<T>(url: string, name: string, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  const pool = poolOf(url, {
    max: 1,
    connectionTimeoutMillis: WAIT_MS,
    statement_timeout: 0,
    keepAlive: true,
    application_name: name,
  });
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: explaining(pool, NO_GUARD) }) });
  try {
    await waitForServer(pool, url, { patienceMs: 0 });
    // The settings of a role or database must not cut it short either.
    await sql`set statement_timeout = 0`.execute(db);
    await sql`set lock_timeout = 0`.execute(db);
    await sql`set idle_in_transaction_session_timeout = 0`.execute(db);
    return await work(db);
  } finally {
    await db.destroy();
  }
}

async function asSoft<T>(trx: Trx, job: (trx: Trx) => Promise<T>): Promise<T> {
  await sql`set local synchronous_commit = off`.execute(trx);
  return job(trx);
}

/** Servers that prove at the same time wait for each other's row; rights are asked of every table, since one may lack them. */
async function provePostgres(db: Kysely<Schema>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await asSoft(trx, proveWrite);
    const { rows } = await UNWRITABLE.execute(trx);
    if (rows[0] !== undefined) throw noRight(`no right to write table ${rows[0].name}`);
  });
}

const UNWRITABLE = sql<{ readonly name: string }>`
  select relname as name from pg_class
  where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname <> 'schema_version'
    and not (has_table_privilege(oid, 'insert') and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))
  order by relname limit 1`;

/** By whichever address it is reached. Where PostgreSQL keeps the number of its cluster to itself, the address has to do. */
async function identityOf(pool: pg.Pool, url: string): Promise<string> {
  try {
    const { rows } = await pool.query<{ readonly cluster: string; readonly oid: number }>(
      'select system_identifier::text as cluster, oid from pg_control_system(), pg_database where datname = current_database()',
    );
    const [row] = rows;
    if (row !== undefined) return `postgres:${row.cluster}:${row.oid}`;
  } catch (error) {
    if (isGone(error)) throw explain(error);
  }
  return `postgres:${addressOf(url)}`;
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
      if (attempt >= MAX_ATTEMPTS) throw busy('too many writers are at work at once', error);
    }
  }
}

/** The pool as Kysely uses it, with every failure of a connection explained, of reads and of writes. */
/** What watches over the connections of a pool. */
interface Guard {
  /** Why none is given any more; undefined while they are. */
  readonly refuse: () => OtterError | undefined;
  /** Told when PostgreSQL says that something is damaged. */
  readonly note: (damage: OtterError) => void;
}

const NO_GUARD: Guard = { refuse: () => undefined, note: () => undefined };

function explaining(pool: pg.Pool, guard: Guard): PostgresPool {
  return {
    options: pool.options,
    connect: async () => {
      const why = guard.refuse();
      if (why !== undefined) throw why;
      try {
        return new ExplainingClient(await pool.connect(), guard);
      } catch (error) {
        throw explain(error);
      }
    },
    end: async () => pool.end(),
  };
}

class ExplainingClient implements PostgresPoolClient {
  readonly #client: PostgresPoolClient;
  readonly #guard: Guard;
  /** Set when the connection failed: what follows in the same transaction fails at once, and the pool lets it go. */
  #failure: unknown;

  constructor(client: PostgresPoolClient, guard: Guard) {
    this.#client = client;
    this.#guard = guard;
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
      if (explained instanceof OtterError && explained.code === 'database_damaged') this.#guard.note(explained);
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
  const code = codeOf(error);
  const why = error instanceof Error ? error.message : code;
  if (code === DISK_FULL)
    return new OtterError('storage_full', 'the disk of the database is full', 'free some space', { cause: error });
  if (code === READ_ONLY)
    return readOnly(why, 'let `database:` name the primary, or end default_transaction_read_only', error);
  if (code === NO_RIGHT) return noRight(why, error);
  if (DAMAGED.has(code)) return damaged(why, error, `${LOOK}, and restore a backup`);
  if (code === IO_ERROR) return unavailable('the disk of the database fails', LOOK, DISK_RETRY_S, error);
  return BUSY.has(code) || isGone(error) ? busy('the database does not answer', error) : error;
}

const LOOK = 'look into the log of PostgreSQL';

function noRight(why: string, cause?: unknown): OtterError {
  return readOnly(why, 'grant the user in `database:` all on all tables, or make it their owner', cause);
}

function busy(message: string, cause: unknown): OtterError {
  return unavailable(message, 'try again in a few seconds', BUSY_RETRY_S, cause);
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
