// Moves the database of a home from SQLite into a PostgreSQL: every row of every table, compared afterwards, in one transaction.

import { OtterError } from '#protocol/errors.ts';
import type { Config } from '#server/config/config.ts';
import { maskDatabaseUrl, parseDatabase } from '#server/config/database.ts';
import { copyFileToPostgres } from '#server/db/copy/copy.ts';
import type { TableSum } from '#server/db/copy/tables.ts';
import { lockData } from './living.ts';

export interface CopiedDatabase {
  readonly from: string;
  /** Without its password. */
  readonly to: string;
  readonly rows: number;
  readonly tables: readonly TableSum[];
}

/** Errors: `field_invalid`, `home_in_use`, `home_has_data`, `start_refused` where the target cannot be used, what the signal says. */
export async function copyDatabase(options: {
  readonly config: Config;
  readonly url: string;
  readonly onProgress: (what: string, done: number, all: number) => void;
  readonly signal: AbortSignal;
}): Promise<CopiedDatabase> {
  const { config, url, onProgress, signal } = options;
  const { home, database } = config;
  const target = parseDatabase(url, home);
  if (target?.kind !== 'postgres')
    throw new OtterError(
      'field_invalid',
      `${maskDatabaseUrl(url)} is no address of a PostgreSQL`,
      'write postgres://USER:PASSWORD@HOST/DATABASE; in a password write @ as %40, / as %2F, # as %23, : as %3A',
    );
  if (database.kind !== 'sqlite')
    throw new OtterError(
      'start_refused',
      'the database of this server is a PostgreSQL already',
      'to move it to another one: otter backup, then otter restore with the new address in the environment (OTTER_DATABASE)',
    );
  const release = lockData(home, config);
  try {
    const { tables } = await copyFileToPostgres(database.file, target.url, {
      aside: undefined,
      onTable: (table, done, all) => onProgress(`table ${table}`, done, all),
      check: () => signal.throwIfAborted(),
    });
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return { from: database.file, to: maskDatabaseUrl(target.url), rows, tables };
  } finally {
    release();
  }
}
