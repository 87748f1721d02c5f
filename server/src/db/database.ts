// The database as the services see it: read anywhere, write in transactions. Knows nothing of SQL dialects beyond their
// name and nothing of the tables.

import type { OtterError } from '#protocol/errors.ts';
import type { Reader, Trx } from './schema.ts';

export type Dialect = 'sqlite' | 'postgres';

export interface Database {
  readonly dialect: Dialect;
  /** The same for every server that uses it, and for no other database. */
  readonly identity: string;
  /** Sees what is committed. Never use it to write. */
  readonly read: Reader;
  /**
   * Runs `job` in a transaction and resolves when it is durable. The job may be run again after a conflict with another
   * server process, so it must do nothing but use its transaction. Rejects with the job's error and then nothing of it is
   * kept; rejects with `unavailable` (503) where the database is busy for too long.
   */
  readonly write: <T>(job: (trx: Trx) => Promise<T>) => Promise<T>;
  /** The same for what a power cut may take: seen by everybody when it resolves, on the disk with the next `write`. */
  readonly writeSoft: <T>(job: (trx: Trx) => Promise<T>) => Promise<T>;
  /** Runs several reads on one state of the database. */
  readonly snapshot: <T>(job: (reader: Reader) => Promise<T>) => Promise<T>;
  /** Proves that rows can be written, by writing one; rejects with the reason why not. For /readyz, not for every request. */
  readonly check: () => Promise<void>;
  /**
   * From now on everything rejects with this error: the program must not go on with this database. Nobody else can change the
   * schema of a SQLite database under a server, so there it is never asked.
   */
  readonly retire: (why: OtterError) => void;
  readonly close: () => Promise<void>;
}
