// Several jobs in one commit. On SQLite a commit costs one fsync, some milliseconds on an SD card; the jobs that wait for
// it meanwhile share the next. Each job has a savepoint of its own, so that one that fails takes no other with it, and
// none is answered before the commit is durable. While another program holds the database, jobs wait in order, and the
// event loop goes on.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Schema, Trx } from './schema.ts';

/** Most jobs of one commit: bounds the time that the first of them waits. */
const MAX_JOBS_PER_COMMIT = 200;

/** A job waits this long for another program that holds the database; a device gets its answer within 5 s. */
const LOCK_PATIENCE_MS = 4_000;
const LOCK_RETRY_MS = 50;

interface Waiting {
  readonly isSoft: boolean;
  readonly sinceMs: number;
  readonly run: (trx: Trx) => Promise<void>;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

export interface CommitConnection {
  readonly kysely: Kysely<Schema>;
  /** Whether a transaction failed because another program holds the database: nothing else is tried again. */
  readonly isLocked: (error: unknown) => boolean;
  /** Whether the next commit waits for the disk. */
  readonly setDurable: (isDurable: boolean) => void;
}

export class GroupCommit {
  readonly #connection: CommitConnection;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #hasFailed = false;

  constructor(connection: CommitConnection) {
    this.#connection = connection;
  }

  /** A soft job does not make its commit wait for the disk; the next durable commit covers it. Rejects with the job's error, with that of the commit, or with `unavailable` where the database stays locked. */
  async write<T>(job: (trx: Trx) => Promise<T>, { isSoft }: { readonly isSoft: boolean }): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let outcome: Outcome<T> = { ok: false, error: new Error('a job was settled before it ran') };
      this.#waiting.push({
        isSoft,
        sinceMs: performance.now(),
        run: async (trx) => {
          outcome = await runAlone(trx, job);
        },
        settle: () => (outcome.ok ? resolve(outcome.value) : reject(outcome.error)),
        fail: reject,
      });
      this.#draining ??= this.#drain().finally(() => {
        this.#draining = undefined;
      });
    });
  }

  /** Whether the last commit that waited for the disk failed; another program that holds the database is no failure. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Resolves when every job handed in so far is settled. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn of the event loop lets the requests that arrived together join the same commit.
      await new Promise(setImmediate);
      const batch = this.#waiting.splice(0, MAX_JOBS_PER_COMMIT);
      try {
        await this.#commit(batch);
      } catch (error) {
        if (this.#connection.isLocked(error)) await this.#waitForLock(batch, error);
        else this.#fail(batch, error);
        continue;
      }
      for (const job of batch) job.settle();
    }
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { kysely, setDurable } = this.#connection;
    const isSoft = batch.every((job) => job.isSoft);
    if (isSoft) setDurable(false);
    try {
      await kysely.transaction().execute(async (trx) => {
        for (const job of batch) await job.run(trx);
      });
    } finally {
      if (isSoft) setDurable(true);
    }
    if (!isSoft) this.#hasFailed = false;
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    this.#hasFailed = true;
    for (const job of batch) job.fail(error);
  }

  /** Puts the jobs back to the front, except those that have waited long enough. */
  async #waitForLock(batch: readonly Waiting[], error: unknown): Promise<void> {
    const tooOld = performance.now() - LOCK_PATIENCE_MS;
    this.#waiting.unshift(...batch.filter(({ sinceMs }) => sinceMs > tooOld));
    for (const job of batch) if (!(job.sinceMs > tooOld)) job.fail(error);
    await sleep(LOCK_RETRY_MS);
  }
}

/** Rejects only where the whole transaction is lost: SQLite rolls all of it back by itself when the disk is full. */
async function runAlone<T>(trx: Trx, job: (trx: Trx) => Promise<T>): Promise<Outcome<T>> {
  await savepoint.execute(trx);
  try {
    const value = await job(trx);
    await release.execute(trx);
    return { ok: true, value };
  } catch (error) {
    try {
      await rollback.execute(trx);
      await release.execute(trx);
    } catch {
      throw error;
    }
    return { ok: false, error };
  }
}

const savepoint = sql`savepoint job`;
const release = sql`release savepoint job`;
const rollback = sql`rollback to savepoint job`;
