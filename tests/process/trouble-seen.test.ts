// Trouble is seen: /readyz proves a write and says why it cannot; what fails is named, with a hint; a damaged database is
// found at the start after an unclean stop. A full disk is in disk-full.test.ts.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { addDevices, imageOf, mac } from '../support/fleet.ts';
import { newHome, runOtterProcess, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';
import { READ_ONLY, throughMount, turnReadOnly } from './support/read-only-folder.ts';
import { untilReadyz } from './support/readyz.ts';

const NEW_DEVICE = { mac: mac(900), current_version: '1.0.0' };

test.skipIf(READ_ONLY.isMissing)(`a folder of images that turns read-only is said${READ_ONLY.skipped}`, async () => {
  const home = await newHome();
  const images = join(home, 'data/firmware');
  const database = await newPostgresDatabase({ hasSchema: true });
  const server = await startServerProcess(home, {
    env: { OTTER_DATABASE: database },
    through: throughMount(images),
  });
  await turnReadOnly(server.process, images);
  expect(await untilReadyz(server, 503, 'storage_read_only')).toBe('the disk of the images is read-only (EROFS)');
  expect(await server.tryAdmin('uploadFirmware', { body: imageOf('1.2.0') })).toMatchObject({
    status: 503,
    body: { error: { code: 'storage_read_only' } },
  });
  const { warnings } = await server.admin('getStatus');
  expect(warnings).toContainEqual(expect.stringContaining('the disk of the images is read-only'));
  await turnReadOnly(server.process, images, 'rw');
  await untilReadyz(server, 200);
  expect(await server.stop()).toMatchObject({ code: 0 });
});

const CAN_TRACE = canTrace();

test.skipIf(!CAN_TRACE)(
  `a disk of the database that turns read-only is said, and the server stops${CAN_TRACE ? '' : ' (skipped: strace cannot attach here)'}`,
  async () => {
    const server = await startServerProcess(await newHome());
    const fault = await failCalls(server, [
      'pwrite64,fsync,fdatasync,ftruncate,unlink:error=EROFS',
      'access,faccessat,faccessat2:error=EROFS',
    ]);
    expect(await untilReadyz(server, 503, 'storage_read_only')).toContain('the disk of the database is read-only');
    expect(await server.device('check-update', NEW_DEVICE)).toMatchObject({
      status: 503,
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
      body: { error: { code: 'storage_read_only', hint: expect.stringContaining('remount') } },
    });
    await fault.end();
    await untilReadyz(server, 200);
    expect(await server.device('check-update', NEW_DEVICE)).toMatchObject({ status: 200 });
    const again = await failCalls(server, ['pwrite64,fsync,fdatasync,ftruncate,unlink:error=EROFS']);
    expect(await server.stop()).toMatchObject({ code: 0 });
    await again.ended;
  },
);

test('a damaged page is found at the start after an unclean stop, and named where a request meets it', async () => {
  const home = await newHome();
  const first = await startServerProcess(home);
  await addDevices(first, 300, '1.0.0');
  await first.stop();
  const file = join(home, 'data/otter.db');
  damageTable(file, 'devices');

  const second = await startServerProcess(home, { mayBeUnready: true });
  expect(await second.device('check-update', { mac: mac(0), current_version: '1.0.0' })).toMatchObject({
    status: 503,
    body: { error: { code: 'database_damaged', hint: expect.stringContaining('restore a backup') } },
  });
  expect(await untilReadyz(second, 503, 'database_damaged')).toContain('malformed');
  await second.kill9();

  const { code, stderr } = await runOtterProcess(home).exited;
  expect({ code, stderr }).toMatchObject({ code: 78 });
  expect(stderr).toContain(`cannot use the database ${file}: the database is damaged`);
  expect(stderr).toContain('restore a backup');
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('a damaged page that no request meets is found while the server runs', async () => {
  const server = await startServerProcess(await newHome());
  await addDevices(server, 300, '1.0.0');
  await server.stop();
  const again = await startServerProcess(server.home);
  damageTable(join(server.home, 'data/otter.db'), 'labels');
  expect(await untilReadyz(again, 503, 'database_damaged')).toContain('the database is damaged');
  expect(await again.stop()).toMatchObject({ code: 0 });
});

test('a sound database is checked after an unclean stop alone', async () => {
  const home = await newHome();
  await (await startServerProcess(home)).kill9();
  const second = await startServerProcess(home);
  expect((await second.stop()).stdout).toContain('the last stop was not a clean one: the database');
  const third = await startServerProcess(home);
  expect((await third.stop()).stdout).not.toContain('the last stop');
});

test('PostgreSQL that takes no writes, and a right that is missing, are named', async () => {
  const url = new URL(await newPostgresDatabase({ hasSchema: true }));
  const owner = new pg.Client({ connectionString: url.href });
  await owner.connect();
  onTestFinished(async () => owner.end());
  const name = url.pathname.slice(1);
  await owner.query(`create role ${name} login password 'right'`);
  await owner.query(`grant all on schema public to ${name}`);
  await owner.query(`grant all on all tables in schema public to ${name}`);
  await owner.query(`grant all on all sequences in schema public to ${name}`);
  url.username = name;
  url.password = 'right';
  const server = await startServerProcess(await newHome(), { env: { OTTER_DATABASE: url.href } });

  await owner.query(`revoke update on devices from ${name}`);
  expect(await untilReadyz(server, 503, 'storage_read_only')).toContain('no right to write table devices');
  await owner.query(`revoke insert on devices from ${name}`);
  expect(await server.device('check-update', NEW_DEVICE)).toMatchObject({
    status: 503,
    body: { error: { code: 'storage_read_only', hint: expect.stringContaining('grant') } },
  });
  await owner.query(`grant insert, update on devices to ${name}`);
  await untilReadyz(server, 200);

  await owner.query(`alter role ${name} set default_transaction_read_only = on`);
  await owner.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${name}'`);
  expect(await untilReadyz(server, 503, 'storage_read_only')).toContain('read-only transaction');
  expect(await server.device('check-update', NEW_DEVICE)).toMatchObject({
    body: { error: { code: 'storage_read_only' } },
  });
  expect(await server.stop()).toMatchObject({ code: 0 });
});

/** Writes over the pages of a table, but not its first, so that the database can be opened. */
function damageTable(file: string, table: string): void {
  const database = new DatabaseSync(file, { readOnly: true });
  const size = Number(database.prepare('pragma page_size').get()?.['page_size']);
  const pages = database.prepare('select pageno from dbstat where name = ?').all(table);
  database.close();
  const disk = openSync(file, 'r+');
  for (const { pageno } of pages) writeSync(disk, Buffer.alloc(size, 0xa5), 0, size, (Number(pageno) - 1) * size);
  closeSync(disk);
}

/** From now on these calls of the server fail, until `end`, or until it has ended. */
async function failCalls(
  { process: { child } }: ServerProcess,
  injections: readonly string[],
): Promise<{ readonly end: () => Promise<void>; readonly ended: Promise<unknown> }> {
  const inject = injections.flatMap((injection) => ['-e', `inject=${injection}`]);
  const tracer = spawn('strace', ['-f', '-o', '/dev/null', ...inject, '-p', String(child.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void tracer.kill('SIGKILL'));
  const ended = once(tracer, 'exit');
  // It says when it has attached.
  await once(tracer.stderr, 'data');
  return {
    ended,
    end: async () => {
      tracer.kill('SIGINT');
      await ended;
    },
  };
}

/** Whether strace is there and may look into a process that it did not start: then it goes on until it is stopped. */
function canTrace(): boolean {
  const sleeper = spawn('sleep', ['5'], { stdio: 'ignore' });
  const { signal } = spawnSync('strace', ['-qq', '-o', '/dev/null', '-p', String(sleeper.pid)], {
    stdio: 'ignore',
    timeout: 300,
  });
  sleeper.kill();
  return signal !== null;
}
