// The database of a test server seen from outside, for what no route shows.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';

/** A server whose database is looked into. */
export interface WithDatabase {
  readonly home: string;
  /** `sqlite:` and a path from `home`, or of PostgreSQL. */
  readonly databaseUrl: string;
}

export interface RawDatabase {
  readonly query: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly close: () => Promise<void>;
}

/** Read-only, unless `writes` says that the test plays somebody who changes it. */
export async function openRaw(server: WithDatabase, { writes = false } = {}): Promise<RawDatabase> {
  const { databaseUrl, home } = server;
  if (databaseUrl.startsWith('sqlite:')) {
    const file = new DatabaseSync(join(home, databaseUrl.slice('sqlite:'.length)), { readOnly: !writes });
    return { query: async (sql) => file.prepare(sql).all(), close: async () => file.close() };
  }
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  return { query: async (sql) => (await client.query(sql)).rows, close: async () => client.end() };
}
