// The database of a test server, out of its reach for a while: held by another program (SQLite), or refusing connections
// (PostgreSQL).

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { postgresUrl } from './postgres-url.ts';
import type { TestServer } from './server.ts';

/** Resolves with what gives it back. */
export async function takeDatabaseAway({ databaseUrl, home }: TestServer): Promise<() => Promise<void>> {
  if (databaseUrl.startsWith('sqlite:')) {
    const holder = new DatabaseSync(join(home, databaseUrl.slice('sqlite:'.length)), { timeout: 5_000 });
    holder.exec('begin immediate');
    return async () => {
      holder.exec('rollback');
      holder.close();
    };
  }
  const name = new URL(databaseUrl).pathname.slice(1);
  const client = new pg.Client({ connectionString: await postgresUrl() });
  await client.connect();
  await client.query(`alter database ${name} with allow_connections false`);
  await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
  return async () => {
    await client.query(`alter database ${name} with allow_connections true`);
    await client.end();
  };
}
