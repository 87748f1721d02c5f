// The server of today on the home of one from before device tokens and signatures, with the boards of its fleet: nothing has to be
// done, nothing is lost, no board is stranded. The board runs the library of then, over the real wire, until an update brings it
// that of today. What is kept, and how it is made, says tests/data/upgrade.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test, vi } from 'vitest';
import { buildDeviceImage } from '../../client/support/device-image.ts';
import { OtterDevice } from '../../client/support/otter-device.ts';
import { ROOT } from '../../docs/markdown.ts';
import { runOtter } from '../../support/otter-command.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const KEPT = join(ROOT, 'tests/data/upgrade/home.tar.gz');
const LIBRARY_OF_BEFORE = join(ROOT, 'node_modules/.cache/client-before/otter-device');
const PRODUCT = 'greenhouse';
const BOARD = '24:6f:28:0e:00:01';
const UPDATED = '24:6f:28:0e:00:02';
const PLAIN = '24:6f:28:0e:00:03';
const HELD = '24:6f:28:0e:00:04';
/** Waits pass quickly, time limits do not. */
const QUICKLY = ['--interval', '30', '--trial-timeout', '3600', '--rest-speed', '90'];
const SERVER_WAIT = { timeout: 120_000, interval: 250 } as const;

test('a home and its boards from before tokens and signatures go on as they are', async ({ onTestFinished }) => {
  expect(existsSync(LIBRARY_OF_BEFORE), `build it: node bin/client.mjs before`).toBe(true);
  const folder = await mkdtemp(join(tmpdir(), 'otter-upgrade-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  execFileSync('tar', ['-xzf', KEPT, '-C', folder]);
  const before = countRows(join(folder, 'home'));
  const server = await startOn(join(folder, 'home'));
  onTestFinished(async () => server.stop());

  const after = countRows(join(folder, 'home'));
  expect([...before].filter(([table, count]) => !((after.get(table) ?? -1) >= count))).toEqual([]);
  await expectNothingLost(server);
  expect((await server.admin('getStatus')).calls, 'nothing has to be done').toEqual([]);
  const audit = await runOtter(folder, ['audit', 'verify'], {
    env: { OTTER_SERVER: server.url.origin, OTTER_PIN: `spki:${server.pin.sha256}`, OTTER_TOKEN: server.adminToken },
  });
  expect(audit, audit.stderr).toMatchObject({ exitCode: 0 });

  // The rollout that ran goes on to a board with the library of before, which knows the fleet token alone.
  const board = OtterDevice.resume(folder, {
    server: server.url,
    pin: server.pin,
    token: server.fleetToken,
    mac: BOARD,
    speed: 1,
    args: [...QUICKLY, ...runBefore('1.0.0'), ...runBefore('1.1.0')],
  });
  onTestFinished(async () => board.scrap());
  await board.waitFor('confirmed', { where: ({ version }) => version === '1.1.0' });
  await known(server, '1.1.0', 'second');
  expect(board.names()).not.toContain('enrolled');

  // A build with the library of today goes the same way, and enrols by itself.
  for (const from of ['pilot', 'expand'])
    await server.admin('promoteRollout', { params: { name: 'second' }, body: { from } });
  const image = buildDeviceImage({ product: PRODUCT, version: '1.2.0', sizeBytes: 8192 });
  await server.admin('uploadFirmware', { query: { pilot_ready: 'true' }, body: image });
  await server.admin('createRollout', { body: { version: '1.2.0', product: PRODUCT, name: 'third' } });
  for (const step of ['startRollout', 'promoteRollout'] as const)
    await server.admin(step, { params: { name: 'third' }, body: {} });
  await board.waitFor('confirmed', { where: ({ version }) => version === '1.2.0' });
  await board.waitFor('enrolled');
  await known(server, '1.2.0', 'third');
  await board.waitFor('checked', { after: board.moment });

  // That build turns out bad: the way back leads to the library of before, which has no token of its own, and is heard.
  await server.admin('blockFirmware', {
    params: { version: '1.2.0' },
    query: { product: PRODUCT },
    body: { reason: 'it is too dry' },
  });
  await board.waitFor('confirmed', { after: board.moment, where: ({ version }) => version === '1.1.0' });
  await vi.waitFor(async () => {
    const { device } = await server.admin('getDevice', { params: { device: BOARD } });
    expect(device).toMatchObject({ current_version: '1.1.0', status: 'ok' });
  }, SERVER_WAIT);
  await board.waitFor('checked', { after: board.moment });
  expect(board.names().filter((name) => /failed|rejected|refused|rolled_back/.test(name))).toEqual([]);

  // The others are where they were: nobody had to touch them.
  const check = async (mac: string, version: string): Promise<unknown> =>
    (await server.device('check-update', { mac, current_version: version, product: PRODUCT, chip: 'esp32' })).body;
  expect(await check(HELD, '1.0.0')).toMatchObject({ update_available: false, reason: 'device_held' });
  expect(await check(PLAIN, '1.0.0')).toMatchObject({ update_available: true, manifest: { version: '1.1.0' } });
  await expectNothingLost(server);
  expect((await server.admin('getStatus')).calls, 'nothing has to be done').toEqual([]);
});

/** These images hold the library of before. */
const runBefore = (version: string): readonly string[] => ['--program', `${version}=${LIBRARY_OF_BEFORE}`];

/** At the time at which it was put away, a minute later: deadlines of then are not over. */
async function startOn(home: string): Promise<TestServer> {
  const { mtimeMs } = await stat(join(home, 'data/otter.db'));
  const clock = {
    nowMs: Math.round(mtimeMs) + 60_000,
    advance(seconds: number) {
      this.nowMs += seconds * 1000;
    },
  };
  return startTestServer({
    like: { home, databaseUrl: 'sqlite:data/otter.db', clock },
    env: { OTTER_POLL_INTERVAL: '30s' },
  });
}

/** What the fleet, its rollouts and its people had, whatever came to it since. */
async function expectNothingLost(server: TestServer): Promise<void> {
  const device = async (mac: string) => server.admin('getDevice', { params: { device: mac } });
  const of = await device(BOARD);
  expect(of.device).toMatchObject({ name: 'tomatoes', note: { text: 'behind the pump', by: 'admin' } });
  expect(of.device.labels).toEqual(expect.arrayContaining(['pilot']));
  const updated = await device(UPDATED);
  expect(updated.assignments.at(-1)).toMatchObject({ state: 'confirmed', rollout: 'second' });
  expect((await device(PLAIN)).device.labels).toEqual(expect.arrayContaining(['north']));
  expect((await device(HELD)).device).toMatchObject({ hold: { reason: 'its sensor is away' } });

  expect(await server.admin('getRollout', { params: { name: 'first' } })).toMatchObject({ status: 'complete' });
  const versions = ['1.0.0', '1.0.1', '1.1.0'].map(async (version) =>
    server.admin('getFirmware', { params: { version }, query: { product: PRODUCT } }),
  );
  expect((await Promise.all(versions)).map(({ blocked_reason: reason }) => reason)).toEqual([
    null,
    'it forgets the clock',
    null,
  ]);
  const { items: schedules } = await server.admin('listSchedules');
  expect(schedules).toMatchObject([{ name: 'tuesdays', action: 'promote', timezone: 'Europe/Berlin' }]);
}

/** How many rows each table holds. */
function countRows(home: string): ReadonlyMap<string, number> {
  const database = new DatabaseSync(join(home, 'data/otter.db'), { readOnly: true });
  const tables = database.prepare("select name from sqlite_master where type = 'table'").all();
  const names = tables.map(({ name }) => String(name)).filter((name) => !name.startsWith('sqlite_'));
  const counts = names.map((name) => {
    const row = database.prepare(`select count(*) as count from "${name}"`).get();
    return [name, Number(row?.['count'])] as const;
  });
  database.close();
  return new Map(counts);
}

/** The server knows that the board runs this. */
async function known(server: TestServer, version: string, rollout: string): Promise<void> {
  await vi.waitFor(async () => {
    const { device, assignments } = await server.admin('getDevice', { params: { device: BOARD } });
    expect(device).toMatchObject({ current_version: version, status: 'ok' });
    expect(assignments[0]).toMatchObject({ rollout, state: 'confirmed' });
  }, SERVER_WAIT);
}
