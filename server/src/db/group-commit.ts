// Several jobs in one commit. On SQLite a commit costs one fsync, some milliseconds on an SD card; the jobs that wait for
// it meanwhile share the next. Each job has a savepoint of its own, so that one that fails takes no other with it, and
// none is answered before the commit is durable.

import { type Kysely, sql } from 'kysely';
import type { Schema, Trx } from './schema.ts';

/** Most jobs of one commit: bounds the time that the first of them waits. */
const MAX_JOBS_PER_COMMIT = 200;

interface Waiting {
  readonly run: (trx: Trx) => Promise<void>;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export class GroupCommit {
  readonly #connection: Kysely<Schema>;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  constructor(connection: Kysely<Schema>) {
    this.#connection = connection;
  }

  async write<T>(job: (trx: Trx) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let settle = (): void => reject(new Error('a job was settled before it ran'));
      this.#waiting.push({
        run: async (trx) => {
          settle = await this.#runAlone(trx, job).then(
            (value) => () => resolve(value),
            (error: unknown) => () => reject(error),
          );
        },
        settle: () => settle(),
        fail: reject,
      });
      this.#draining ??= this.#drain().finally(() => {
        this.#draining = undefined;
      });
    });
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
        await this.#connection.transaction().execute(async (trx) => {
          for (const job of batch) await job.run(trx);
        });
      } catch (error) {
        for (const job of batch) job.fail(error);
        continue;
      }
      for (const job of batch) job.settle();
    }
  }

  async #runAlone<T>(trx: Trx, job: (trx: Trx) => Promise<T>): Promise<T> {
    await savepoint.execute(trx);
    try {
      const value = await job(trx);
      await release.execute(trx);
      return value;
    } catch (error) {
      await rollback.execute(trx);
      await release.execute(trx);
      throw error;
    }
  }
}

const savepoint = sql`savepoint job`;
const release = sql`release savepoint job`;
const rollback = sql`rollback to savepoint job`;
