// Migrations of a PostgreSQL that several servers use: they take as long as they take, others wait and say so, and a server
// that runs stops taking requests when the schema is newer than it.

import { sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { MIGRATIONS, type Migration } from '#server/db/migrations/migrations.ts';
import { openPostgres } from '#server/db/postgres.ts';
import { addDevices } from '../support/fleet.ts';
import { newHome, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';
import { untilReadyz } from './support/readyz.ts';

function tomorrow(up: Migration['up']): readonly Migration[] {
  return [...MIGRATIONS, { name: 'of tomorrow', up }];
}

test('a migration may take longer than any query, and another server waits for it and says so', async () => {
  const url = await newPostgresDatabase({ hasSchema: true });
  let done = (): void => undefined;
  const isDone = new Promise<void>((resolve) => (done = resolve));
  let begun = (): void => undefined;
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const migrations = tomorrow(async (trx) => {
    begun();
    // Far beyond what a query may take here, and beyond what the role of the server allows.
    await sql`select pg_sleep(3)`.execute(trx);
    await isDone;
  });
  const options = { queryMs: 2_000, migrations };
  const first = openPostgres(url, options);
  // Where it is refused, that is what fails, and nobody waits.
  await Promise.race([hasBegun, first]);
  const notes: string[] = [];
  const second = openPostgres(url, {
    ...options,
    onWait: (note) => {
      notes.push(note);
      done();
    },
  });
  for (const database of await Promise.all([first, second])) await database.close();
  expect(notes).toEqual([expect.stringContaining('another server is migrating the database')]);
});

test('a server that runs notices a newer schema and takes no more requests, and says why', async () => {
  const url = await newPostgresDatabase({ hasSchema: true });
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: url } });
  const [device = ''] = await addDevices(server, 1, '1.0.0');
  await (await openPostgres(url, { migrations: tomorrow(async () => undefined) })).close();

  // With the first request: nothing of the newer schema was read or written by the older rules.
  const check = { mac: device, current_version: '1.0.0' };
  const refused = { status: 503, body: { error: { code: 'server_outdated' } } };
  expect(await server.device('check-update', check)).toMatchObject({
    ...refused,
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
  });
  expect(await server.device('check-update', { mac: '24:6f:28:99:00:01', current_version: '1.0.0' })).toMatchObject(
    refused,
  );
  expect(await server.tryAdmin('getStatus')).toMatchObject(refused);
  expect(await untilReadyz(server, 503, 'server_outdated')).toContain(
    'a newer Otter has brought the database to schema',
  );
  expect(await server.json('GET', '/healthz')).toMatchObject({ status: 200 });
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test('a server that nobody asks notices it with its tick', async () => {
  const url = await newPostgresDatabase({ hasSchema: true });
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: url } });
  onTestFinished(() => server.agent.destroy());
  await (await openPostgres(url, { migrations: tomorrow(async () => undefined) })).close();
  await vi.waitFor(() => expect(server.process.stdout).toContain('takes no more requests'), { timeout: 30_000 });
  expect(await server.stop()).toMatchObject({ code: 0 });
});
