// A database as it lies there, without a server and without the steps to its present schema: for tests of those steps.

import { DatabaseSync } from 'node:sqlite';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import pg from 'pg';
import type { Schema } from '#server/db/schema.ts';
import type { Dialect } from '../scope.ts';

/** `pg.types.builtins.INT8`, as a number. */
const INT8 = 20;

/** `at`: the address of a PostgreSQL database, or a file of SQLite, which is made where it is not there. */
export function connectRaw(dialect: Dialect, at: string): Kysely<Schema> {
  if (dialect === 'postgres') {
    // Keys and instants as numbers, as the server reads them.
    const types = {
      getTypeParser: (oid: number) => (oid === INT8 ? Number : pg.types.getTypeParser(oid)),
    };
    return new Kysely<Schema>({
      dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: at, types }) }),
    });
  }
  const connection = new DatabaseSync(at, { timeout: 1_000 });
  return new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        close: () => connection.close(),
        prepare: (text) => {
          const statement = connection.prepare(text);
          const values = (parameters: readonly unknown[]) =>
            parameters.map((value) => (typeof value === 'number' || typeof value === 'string' ? value : null));
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...values(parameters)),
            run: (parameters) => statement.run(...values(parameters)),
            iterate: (parameters) => statement.iterate(...values(parameters)),
          };
        },
      },
    }),
  });
}
