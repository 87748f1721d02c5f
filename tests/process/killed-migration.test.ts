// kill -9 while a server brings the database of an older program to its schema: it is as it was or as it is to be, and the next start goes on.
// The seed stands in the name of the test; KILL_SEED repeats a run.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrate } from '#server/db/migrate.ts';
import { MIGRATIONS } from '#server/db/migrations/migrations.ts';
import { Random } from '#simulator/random.ts';
import { BOTH, sizeOf } from '../support/scope.ts';
import { connectRaw } from '../support/server/connect-raw.ts';
import { newHome, runOtterProcess, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';

const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);
const ROUNDS = sizeOf({ push: 2, whole: 20 });
/** Of the audit: one of the steps chains them one by one, so that there is a middle of it. */
const ENTRIES = sizeOf({ push: 5_000, whole: 30_000 });
const OLD = MIGRATIONS.findIndex(({ name }) => name === 'audit chain');

test.each(BOTH)(`a migration that is killed is as if it had not begun, on %s (seed ${SEED})`, async (dialect) => {
  const random = new Random(SEED).fork(dialect);
  const home = await newHome();
  const url = dialect === 'postgres' ? await newPostgresDatabase() : 'sqlite:data/otter.db';
  const at = dialect === 'postgres' ? url : join(home, 'data/otter.db');
  const env = { OTTER_DATABASE: url };
  await makeOld();
  const versions = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const starting = runOtterProcess(home, { env });
    await untilMigrating(starting);
    await delay(random.between(0, 150));
    await starting.end('SIGKILL');
    versions.add(await expectWhole());
  }
  const server = await startServerProcess(home, { env });
  expect(await expectWhole()).toBe(MIGRATIONS.length);
  const { items } = await server.admin('listAudit', { query: { limit: '2' } });
  expect(items.map(({ subject }) => subject)).toContain(`shop-${ENTRIES}`);
  expect(await server.admin('verifyAudit')).toMatchObject({ intact: true });
  await server.checkIn('24:6f:28:00:00:01', '1.0.0');
  await server.stop();

  async function makeOld(): Promise<void> {
    const db = connectRaw(dialect, at);
    await migrate(db, dialect, MIGRATIONS.slice(0, OLD));
    const numbers = sql`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${sql.lit(ENTRIES)})`;
    await sql`${numbers} insert into audit (at_ms, actor, action, subject, details)
      select 1795000000000 + n, 'admin', 'label.create', 'shop-' || n, '{}' from numbers order by n`.execute(db);
    await db.destroy();
  }

  /** Resolves with how many steps are done: all or those from before, with everything that was there. */
  async function expectWhole(): Promise<number> {
    const db = connectRaw(dialect, at);
    const done = await sql<{ readonly version: number }>`select max(version) as version from schema_version`.execute(
      db,
    );
    const audit = await sql<{
      readonly count: number;
    }>`select count(*) as count from audit where subject like 'shop-%'`.execute(db);
    await db.destroy();
    const version = done.rows[0]?.version ?? 0;
    expect([OLD, MIGRATIONS.length]).toContain(version);
    expect(audit.rows).toEqual([{ count: ENTRIES }]);
    return version;
  }
});

/** Resolves once it says that it migrates, or is ready because there is nothing to do. */
async function untilMigrating(starting: ReturnType<typeof runOtterProcess>): Promise<void> {
  const isSaid = (): boolean => /is migrated from schema|ready at/.test(starting.stdout + starting.stderr);
  while (!isSaid() && starting.child.exitCode === null) await delay(5);
}
