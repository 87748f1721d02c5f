// A database that is moved from SQLite to PostgreSQL: all of it or nothing, by its command, and the server goes on there.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { mac } from '../../support/fleet.ts';
import { sizeOf } from '../../support/scope.ts';
import { newPostgresDatabase, startTestServer } from '../../support/server/server.ts';
import { spawnOtter } from '../../support/otter-command.ts';
import { newFolder, otter, startFleet, stateOf } from './homes.ts';

const SQLITE = 'sqlite:data/otter.db';

test('otter db copy brings everything to PostgreSQL, and a server goes on there', async () => {
  const server = await startFleet('sqlite');
  const before = {
    devices: (await server.admin('listDevices', {})).items,
    rollouts: (await server.admin('listRollouts', {})).items.map(({ name, status }) => [name, status]),
    audit: (await server.admin('listAudit', {})).items.map(({ id, action, subject }) => [id, action, subject]),
    events: (await server.admin('listEvents', {})).items.map(({ type }) => type),
  };
  const url = await newPostgresDatabase();
  const file = join(await newFolder(), 'postgres.url');
  writeFileSync(file, `${url}\n`, { mode: 0o600 });
  const copy = async (...args: string[]) => otter(server.home, SQLITE, ['db', 'copy', ...args]);
  expect(await copy('--to-file', file)).toMatchObject({ exitCode: 6, answer: { error: { code: 'home_in_use' } } });
  await server.stop();
  const state = stateOf(server.home);
  const done = await copy('--to-file', file);
  expect(done).toMatchObject({ exitCode: 0 });
  expect(JSON.stringify(done.answer)).not.toContain(`:${new URL(url).password}@`);
  expect(done.answer['tables']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ table: 'devices', rows: 5, digest: expect.stringMatching(/^[0-9a-f]{64}$/) }),
    ]),
  );
  expect(stateOf(server.home)).toBe(state);
  const moved = await startTestServer({ like: { home: server.home, databaseUrl: url, clock: server.clock } });
  expect((await moved.admin('listDevices', {})).items).toEqual(before.devices);
  expect((await moved.admin('listRollouts', {})).items.map(({ name, status }) => [name, status])).toEqual(
    before.rollouts,
  );
  expect((await moved.admin('listAudit', {})).items.map(({ id, action, subject }) => [id, action, subject])).toEqual(
    before.audit,
  );
  expect((await moved.admin('listEvents', {})).items.map(({ type }) => type)).toEqual(before.events);
  expect(await moved.admin('verifyAudit', {})).toMatchObject({ intact: true });
  expect(await moved.checkIn(mac(1), '1.0.0')).toMatchObject({ manifest: { version: '1.1.0' } });
  await moved.admin('createLabel', { body: { name: 'later', description: '' } });
  await moved.stop();
  expect(await copy('--to', url)).toMatchObject({
    exitCode: 6,
    answer: { error: { message: expect.stringContaining('holds data already') } },
  });
  const wrong = await copy('--to', 'mysql://user:secret@host/otter');
  expect(wrong).toMatchObject({ exitCode: 3, answer: { error: { code: 'field_invalid' } } });
  expect(wrong.stdout).not.toContain('secret');
  expect(await copy()).toMatchObject({ exitCode: 2 });
});

test.skipIf(sizeOf({ push: true, whole: false }))('a copy that is killed leaves the PostgreSQL as it was', async () => {
  const server = await startFleet('sqlite');
  await server.stop();
  const url = await newPostgresDatabase();
  await spawnOtter(server.home, ['db', 'copy', '--to', url, '--home', server.home], {
    onStart: (child) => void untilConnected(url).then(() => child.kill('SIGKILL')),
  });
  const isDone = await hasTables(url);
  // It may have been done just before.
  if (!isDone) expect(await otter(server.home, SQLITE, ['db', 'copy', '--to', url])).toMatchObject({ exitCode: 0 });
  expect(await hasTables(url)).toBe(true);
});

async function untilConnected(url: string): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (Date.now() < giveUpAt) {
    const rows = await query(
      url,
      `select 1 from pg_stat_activity where application_name = 'otter-copy' and datname = current_database()`,
    );
    if (rows > 0) return;
    await delay(5);
  }
}

async function hasTables(url: string): Promise<boolean> {
  return (await query(url, `select 1 from pg_class where relname = 'schema_version'`)) > 0;
}

async function query(url: string, text: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows.length;
  } finally {
    await client.end();
  }
}
