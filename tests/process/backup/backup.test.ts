// A backup of a server that runs, and the server that it becomes again: all of it, as it was at one moment.

import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { hash, randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addFirmware, imageOf, mac } from '../../support/fleet.ts';
import { initHome } from '#server/home/init.ts';
import { runOtter } from '../../support/otter-command.ts';
import { BOTH, sizeOf } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { back, emptyDatabase, makeFleet, newFolder, otter, startFleet, sumsOf } from './homes.ts';

/** A restore itself writes there. */
const OF_A_RESTORE = new Set(['audit', 'audit_chain', 'catalog', 'restores', 'sessions', 'login_links', 'ticket_keys']);

test.each(BOTH)('a backup under load is restored as the same server on %s', async (dialect) => {
  const server = await startFleet(dialect);
  const folder = await newFolder();
  const rounds = sizeOf({ push: 1, whole: 50 });
  for (let round = 0; round < rounds; round += 1) {
    const before = await server.admin('listDevices', { query: { limit: '200' } });
    const load = writeUntil(server, round);
    const file = join(folder, `${round}.tar`);
    const made = await back(server, file);
    const written = await load.stop();
    expect(written).toBeGreaterThan(0);
    expect(made).toMatchObject({ database: dialect, images: 3, missing_images: [], not_noted: null, encrypted: false });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(made['sha256']).toBe(hash('sha256', await readFile(file)));
    const home = join(folder, `home-${round}`);
    const databaseUrl = await emptyDatabase(dialect);
    const { exitCode, answer } = await otter(home, databaseUrl, ['restore', file, '--none-blocked']);
    expect({ exitCode, answer }).toMatchObject({
      exitCode: 0,
      answer: { images: 3, frozen: [], blocked: [], moved: [] },
    });
    const again = join(folder, `again-${round}.tar`);
    await otter(home, databaseUrl, ['backup', again]);
    await expectSameTables(file, again, folder);
    const restored = await startTestServer({ like: { home, databaseUrl, clock: server.clock } });
    await expectSame(
      server,
      restored,
      before.items.map(({ mac: name }) => name ?? ''),
    );
    await restored.stop();
    await Promise.all([file, again, home].map(async (path) => rm(path, { recursive: true })));
  }
});

/** Boards that check in for the first time, one after the other. */
function writeUntil(server: TestServer, round: number): { readonly stop: () => Promise<number> } {
  let written = 0;
  const stopping = new AbortController();
  const work = (async () => {
    for (; !stopping.signal.aborted; written += 1) await server.checkIn(mac(1_000 + round * 1_000 + written), '1.0.0');
  })();
  return {
    stop: async () => {
      stopping.abort();
      await work;
      return written;
    },
  };
}

async function expectSameTables(file: string, again: string, folder: string): Promise<void> {
  const [made, restored] = [await sumsOf(file, folder), await sumsOf(again, folder)];
  expect(made.size).toBeGreaterThan(25);
  expect([...restored.keys()]).toEqual([...made.keys()]);
  for (const [table, sum] of made)
    if (!OF_A_RESTORE.has(table)) expect({ table, sum: restored.get(table) }).toEqual({ table, sum });
  // Whoever has the backup would read the TLS sessions that the restored server begins in the same week.
  expect(made.get('ticket_keys')).toBeDefined();
  expect(restored.get('ticket_keys')).not.toEqual(made.get('ticket_keys'));
}

async function expectSame(server: TestServer, restored: TestServer, macs: readonly string[]): Promise<void> {
  const { items } = await restored.admin('listDevices', { query: { limit: '200' } });
  expect(items.map(({ mac: name }) => name)).toEqual(expect.arrayContaining([...macs]));
  expect(await restored.admin('verifyAudit', {})).toMatchObject({ intact: true });
  expect(restored.pin).toEqual(server.pin);
  expect([restored.fleetToken, restored.adminToken]).toEqual([server.fleetToken, server.adminToken]);
  expect(await restored.admin('getDevice', { params: { device: mac(1) } })).toMatchObject({
    device: { labels: ['lab'], note: { text: 'a "quoted" naïve ☃ note' } },
  });
  const names = (list: { readonly items: readonly { readonly name: string; readonly status: string }[] }) =>
    list.items.map(({ name, status }) => [name, status]);
  expect(names(await restored.admin('listRollouts', {}))).toEqual(names(await server.admin('listRollouts', {})));
  expect(await restored.json('GET', '/readyz')).toMatchObject({ status: 200 });
  // Numbers go on where they were: none is given twice.
  const ids = async (of: TestServer) => (await of.admin('listAudit', {})).items.map(({ id }) => id);
  const [last = 0] = await ids(restored);
  await addFirmware(restored, '9.9.9');
  expect((await ids(restored))[0]).toBe(last + 1);
}

let quiet: TestServer;

beforeAll(async () => {
  quiet = await makeFleet('sqlite');
});

afterAll(async () => quiet.end());

test('a backup never takes the place of a file unless that is said, and leaves nothing beside it', async () => {
  const server = quiet;
  const folder = await newFolder();
  const file = join(folder, 'otter.tar');
  writeFileSync(file, 'mine');
  const refused = await otter(server.home, server.databaseUrl, ['backup', file]);
  expect(refused).toMatchObject({ exitCode: 3, answer: { error: { code: 'backup_exists' } } });
  expect(await readFile(file, 'utf8')).toBe('mine');
  await back(server, file, '--replace');
  expect(statSync(file).size).toBeGreaterThan(100_000);
  expect(readdirSync(folder)).toEqual(['otter.tar']);
  const nowhere = await otter(server.home, server.databaseUrl, ['backup', join(folder, 'no', 'otter.tar')]);
  expect(nowhere).toMatchObject({
    answer: { error: { code: 'start_refused', hint: expect.stringContaining('folder') } },
  });
});

test('an image that is damaged or missing is named, and the backup is made without it', async () => {
  const server = quiet;
  const folder = await newFolder();
  const blob = (version: string): string => join(server.home, 'data/firmware/.blobs', hash('sha256', imageOf(version)));
  writeFileSync(blob('1.0.0'), 'damaged');
  await rm(blob('1.1.0'));
  const made = await back(server, join(folder, 'otter.tar'));
  expect(made).toMatchObject({
    images: 1,
    missing_images: expect.arrayContaining([
      { sha256: hash('sha256', imageOf('1.0.0')), why: 'its bytes are damaged' },
      { sha256: hash('sha256', imageOf('1.1.0')), why: 'its file is missing' },
    ]),
  });
});

test('a configuration that names files elsewhere, .env and secrets are in it; templates, locks and the port are not', async () => {
  const server = quiet;
  const folder = await newFolder();
  const secret = join(folder, 'webhook.secret');
  const secretText = `otw_${randomBytes(32).toString('base64url')}`;
  writeFileSync(secret, secretText, { mode: 0o600 });
  writeFileSync(join(server.home, '.env'), 'OTTER_LOG_LEVEL=warn\n');
  writeFileSync(
    join(server.home, 'config/server.yml'),
    `${await readFile(join(server.home, 'config/server.yml'), 'utf8')}\nwebhooks: [{name: ci, url: "https://example.com/otter", secret: {file: ${secret}}}]\n`,
  );
  const file = join(folder, 'otter.tar');
  await back(server, file);
  await rm(secret);
  const home = join(folder, 'home');
  const restore = async (...more: string[]) =>
    otter(home, 'sqlite:data/otter.db', ['restore', file, '--none-blocked', ...more]);
  const asked = await restore();
  expect(asked).toMatchObject({ exitCode: 78, answer: { error: { message: expect.stringContaining(secret) } } });
  expect(existsSync(secret)).toBe(false);
  expect(await restore('--outside')).toMatchObject({ exitCode: 0 });
  expect(await readFile(secret, 'utf8')).toBe(secretText);
  expect(await readFile(join(home, '.env'), 'utf8')).toBe('OTTER_LOG_LEVEL=warn\n');
  expect(existsSync(join(home, 'data/server.port'))).toBe(false);
  expect(statSync(join(home, 'data/certs/server.key')).mode & 0o777).toBe(0o600);
});

test('the status names the last backup, and calls a person where the configuration says after how long', async () => {
  const home = await newFolder();
  await initHome(home, { nowMs: Date.now() });
  const yml = join(home, 'config/server.yml');
  writeFileSync(yml, `${await readFile(yml, 'utf8')}\nbackup: {remind_after: 7d}\n`);
  let nowMs = Date.now();
  const clock = {
    get nowMs() {
      return nowMs;
    },
    advance: (seconds: number) => void (nowMs += seconds * 1000),
  };
  const server = await startTestServer({ like: { home, databaseUrl: 'sqlite:data/otter.db', clock } });
  const due = async () => (await server.admin('getStatus')).calls.filter(({ kind }) => kind === 'backup_due');
  expect((await server.admin('getStatus')).last_backup).toBeNull();
  expect(await due()).toMatchObject([
    { text: 'no backup was ever made of this server', commands: ['otter backup FILE'] },
  ]);
  const file = join(home, 'otter.tar');
  const { made_at, size_bytes } = await back(server, file);
  const { last_backup } = await server.admin('getStatus');
  expect(last_backup).toEqual({ made_at, size_bytes, file, made_by: `${hostname()}:${home}`, encrypted: false });
  expect(await due()).toEqual([]);
  clock.advance(8 * 86_400 + 3_600);
  expect(await due()).toMatchObject([{ text: expect.stringContaining('8 days ago') }]);
  const { stdout } = await runOtter(home, ['status', '--home', home]);
  expect(stdout).toContain(`last backup`);
  await server.stop();
});
