// What a start needs, what it reuses, and why it is refused: exit code 78 and what to do, never a stack.

import { once } from 'node:events';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openPostgres } from '#server/db/postgres.ts';
import { addFirmware, rollOut } from '../support/fleet.ts';
import { DIALECTS } from '../support/scope.ts';
import { type Exit, newHome, runOtterProcess, startServerProcess } from '../support/server/process.ts';
import { postgresUrl } from '../support/server/postgres-url.ts';
import { openRaw, type WithDatabase } from '../support/server/raw-database.ts';
import { newPostgresDatabase } from '../support/server/server.ts';

/** What changes while a server runs: the database and its lock, the port, the mark of the last stop, the lock of the images. */
const LIVE = /^data\/(otter\.db.*|server\.port|firmware\/\.(incoming|lock|stopped))$/;

test('a second start changes no file and knows everything of the first', async () => {
  const home = await newHome();
  const first = await startServerProcess(home);
  await addFirmware(first, '1.0.0');
  await rollOut(first, '1.0.0', 'pilot');
  await first.stop();
  const before = await listContents(home);
  const second = await startServerProcess(home);
  expect(second.pin).toEqual(first.pin);
  expect(await second.admin('getRollout', { params: { name: '1.0.0' } })).toMatchObject({ status: 'running' });
  await second.stop();
  expect(await listContents(home)).toEqual(before);
});

test('a second server on one SQLite home is refused, and the first goes on unharmed', async () => {
  const home = await newHome();
  const first = await startServerProcess(home);
  const second = await runOtterProcess(home).exited;
  expectRefusal(second, `uses this database (${join(home, 'data/otter.db.lock')} is locked)`);
  expect(second.stderr).toContain(`another Otter (process ${first.process.child.pid} on `);
  expect(second.stderr).toContain('stop the other one, or give this one its own --home');
  expect(await readFile(join(home, 'data/server.port'), 'utf8')).toBe(`${first.url.port}\n`);
  await first.checkIn('24:6f:28:00:00:01', '1.0.0');
  expect(await first.stop()).toMatchObject({ code: 0 });
});

test('E9 a port in use is named with its address', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(async () => {
    taken.close();
    await once(taken, 'close');
  });
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const refused = await runOtterProcess(await newHome(), { args: ['start', '--port', String(port)] }).exited;
  expectRefusal(refused, `127.0.0.1:${port} is in use by another program`);
  expect(refused.stderr).toContain('--port');
});

test('a missing configuration is named with its path and the command that makes it', async () => {
  const home = await newHome();
  await rm(join(home, 'config'), { recursive: true });
  const refused = await runOtterProcess(home, { args: ['serve'] }).exited;
  expectRefusal(refused, join(home, 'config/server.yml'));
  expect(refused.stderr).toContain('otter init');
});

test.each(DIALECTS)('E19 a database on %s that a newer Otter wrote is refused and not changed', async (dialect) => {
  const home = await newHome();
  const databaseUrl = dialect === 'postgres' ? await newPostgresDatabase() : 'sqlite:data/otter.db';
  const env = { OTTER_DATABASE: databaseUrl };
  await (await startServerProcess(home, { env })).stop();
  const database = await openRaw({ home, databaseUrl }, { writes: true });
  await database.query(`insert into schema_version (version, name) values (99, 'of tomorrow')`);
  await database.close();
  const before = await contentsOf({ home, databaseUrl });
  expectRefusal(await runOtterProcess(home, { env }).exited, 'the database has schema 99, this program knows schema');
  expect(await contentsOf({ home, databaseUrl })).toEqual(before);
});

test('a file that is no database is refused', async () => {
  const home = await newHome();
  await writeFile(join(home, 'data/otter.db'), 'something else, and long enough to be looked at'.repeat(100));
  const refused = await runOtterProcess(home).exited;
  expectRefusal(
    refused,
    `cannot use the database ${join(home, 'data/otter.db')}: the database is damaged: file is not a database`,
  );
  expect(refused.stdout).not.toContain('listening');
});

test('E21 PostgreSQL that is not there is tried again, then refused with its address', async () => {
  const url = 'postgres://otter:not-for-logs@127.0.0.1:1/otter';
  const waited: string[] = [];
  const startedMs = performance.now();
  await expect(
    openPostgres(url, { patienceMs: 1_500, onWait: (message) => waited.push(message) }),
  ).rejects.toMatchObject({
    code: 'start_refused',
    message: expect.stringMatching(/^cannot use PostgreSQL at 127\.0\.0\.1:1\/otter: .*ECONNREFUSED/),
  });
  expect(performance.now() - startedMs).toBeGreaterThan(1_500);
  expect(waited).toHaveLength(1);
  expect(waited[0]).toContain('127.0.0.1:1/otter');
  expect(waited[0]).not.toContain('not-for-logs');
});

test('a wrong PostgreSQL password is refused at once, and neither password is shown', async () => {
  const url = new URL(await newPostgresDatabase());
  url.password = 'not-for-logs';
  const refused = await runOtterProcess(await newHome(), { env: { OTTER_DATABASE: url.href } }).exited;
  expectRefusal(refused, `cannot use PostgreSQL at ${url.host}${url.pathname}: password authentication failed`);
  expect(refused.stdout + refused.stderr).not.toContain('not-for-logs');
});

test('PostgreSQL without a password in the address is refused at once', async () => {
  const url = new URL(await postgresUrl());
  url.password = '';
  const refused = await runOtterProcess(await newHome(), { env: { OTTER_DATABASE: url.href } }).exited;
  expectRefusal(refused, `cannot use PostgreSQL at ${url.host}`);
  expect(refused.stdout).not.toContain('trying again');
});

/** Of SQLite the file; of PostgreSQL each row, where it lies and which transaction wrote it. */
async function contentsOf(server: WithDatabase): Promise<unknown> {
  if (server.databaseUrl.startsWith('sqlite:')) return readFile(join(server.home, 'data/otter.db'), 'base64');
  const raw = await openRaw(server);
  const tables = await raw.query(
    `select relname as name from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace`,
  );
  const rows = await Promise.all(
    tables.map(async ({ name }) =>
      raw.query(`select ctid, xmin, t::text as row from "${String(name)}" t order by ctid`),
    ),
  );
  await raw.close();
  return [tables, rows];
}

function expectRefusal(exit: Exit, message: string): void {
  expect(exit.stderr).toContain(message);
  expect(exit.stderr).not.toMatch(/^\s+at /m);
  expect(exit.code).toBe(78);
}

/** Every file of the home with its content and mode, without what changes while a server runs. */
async function listContents(home: string): Promise<Readonly<Record<string, string>>> {
  const contents: Record<string, string> = {};
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(home.length + 1);
    if (!entry.isFile() || LIVE.test(name)) continue;
    contents[name] = `${(await stat(path)).mode.toString(8)} ${await readFile(path, 'base64')}`;
  }
  return contents;
}
