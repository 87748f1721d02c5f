// What is old goes, what is still needed stays, and what is gone stays counted; over real HTTPS on both databases. Each test has a
// server of its own: years pass.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { untilSettled } from '../../support/server/settled.ts';

const DAY_S = 86_400;

describe.each(BOTH)('what is kept on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
    return async () => server.end();
  });

  /** So many days, and then ticks until a pass over everything is done. */
  async function pass(days: number): Promise<void> {
    server.clock.advance(days * DAY_S);
    await untilSettled(server);
    for (let count = 0; count < 3; count += 1) await server.tick();
  }

  async function query(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const raw = await openRaw(server);
    const rows = await raw.query(statement);
    await raw.close();
    return rows;
  }

  /** The board takes the build that it is offered, and runs it. */
  async function update(mac: string, from: string, to: string): Promise<void> {
    await line.take(mac, from);
    await line.checkIn(mac, to, ON_TRIAL);
    await line.checkIn(mac, to);
    await line.checkIn(mac, to);
  }

  /** Four builds that went to everybody, one after the other; the first was bad on one board. */
  async function fourReleases(): Promise<{ readonly good: string; readonly bad: string }> {
    const good = line.newMac();
    const bad = line.newMac();
    await line.makeStable('1.1.0');
    await update(good, '1.0.0', '1.1.0');
    await line.take(bad, '1.0.0');
    await line.checkIn(bad, '1.1.0', ON_TRIAL);
    await line.checkIn(bad, '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.1.0' } });
    for (const [from, to] of [
      ['1.1.0', '1.2.0'],
      ['1.2.0', '1.3.0'],
      ['1.3.0', '1.4.0'],
    ] as const) {
      await line.makeStable(to);
      await update(good, from, to);
      if (from === '1.1.0') await update(bad, '1.0.0', to);
    }
    return { good, bad };
  }

  const versionsOf = async (mac: string) => (await line.assignments(mac)).map(({ version }) => version);

  test('of attempts that ended is what still says something of a board, and the counts of every rollout', async () => {
    const { good, bad } = await fourReleases();
    const counts = async () =>
      Promise.all(
        ['1.1.0', '1.2.0', '1.3.0', '1.4.0'].map(async (version) =>
          (await line.rollout(version)).stages.map(({ outcomes }) => outcomes),
        ),
      );
    const before = await counts();
    expect(before[0]).toContainEqual(expect.objectContaining({ failed: 1 }));
    await pass(360);
    expect(await versionsOf(good), 'a year is not over').toEqual(['1.4.0', '1.3.0', '1.2.0', '1.1.0']);
    await pass(6);
    expect(await versionsOf(good), 'of the stable build, and the one before it').toEqual(['1.4.0', '1.3.0']);
    expect(await versionsOf(bad), 'its latest, and the one that makes a build known bad').toEqual(['1.2.0', '1.1.0']);
    expect((await line.detail(bad)).builds).toMatchObject([{ version: '1.1.0', known_bad: true }]);
    expect(await counts(), 'as if all were there').toEqual(before);
    await pass(400);
    expect(await counts()).toEqual(before);
  });

  test('is every attempt of a rollout that is open', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.take(mac, '1.0.0');
    await line.report(mac, (await line.assignments(mac))[0]?.id ?? 0, 1, 'failed', { error_code: 'connection_lost' });
    server.clock.advance(3_600);
    await update(mac, '1.0.0', '1.1.0');
    await pass(800);
    expect(await line.assignments(mac)).toHaveLength(2);
  });

  test('of the audit is a chain that begins at a checkpoint', async () => {
    for (let index = 0; index < 5; index += 1) await server.admin('createLabel', { body: { name: `old-${index}` } });
    const noted = await server.admin('verifyAudit');
    await pass(729);
    await server.admin('createLabel', { body: { name: 'young' } });
    expect(await server.admin('verifyAudit')).toMatchObject({ intact: true, entries: 6, checkpoint: { entries: 0 } });
    await pass(2);
    const { items } = await server.admin('listAudit');
    expect(items.map(({ subject }) => subject)).toEqual(['young']);
    expect(await server.admin('verifyAudit')).toMatchObject({
      intact: true,
      entries: 1,
      last_number: 6,
      checkpoint: { entries: 5, hash: noted.last_hash, at: expect.any(String) },
    });
    const raw = await openRaw(server, { writes: true });
    onTestFinished(async () => raw.close());
    await raw.query('update audit_chain set checkpoint_number = 4');
    expect(await server.admin('verifyAudit')).toMatchObject({ faults: [{ kind: 'removed', number: 5 }] });
  });

  test('of the audit does not depend on entries that a wrong clock dated', async () => {
    for (const name of ['first', 'ahead', 'third', 'behind', 'last'])
      await server.admin('createLabel', { body: { name } });
    const raw = await openRaw(server, { writes: true });
    onTestFinished(async () => raw.close());
    const days = (count: number): number => count * DAY_S * 1000;
    await raw.query(`update audit set at_ms = at_ms + ${days(1_000)} where subject = 'ahead'`);
    await raw.query(`update audit set at_ms = 0 where subject = 'behind'`);
    await pass(500);
    await raw.query(`update audit set at_ms = at_ms + ${days(500)} where subject = 'third'`);
    await pass(231);
    const { items } = await server.admin('listAudit', { query: { sort: 'id' } });
    expect(
      items.map(({ subject }) => subject),
      'what is young stays, with all behind it',
    ).toEqual(['ahead', 'third', 'behind', 'last']);
    await pass(1_000);
    expect((await server.admin('listAudit')).items).toEqual([]);
  });

  test('of a board that is not seen any more is the board', async () => {
    const measured = {
      free_heap_bytes: 100_000,
      rssi_dbm: -60,
      boot: { state: 'confirmed', uptime_s: 900, reason: 'panic' },
    };
    const gone = line.newMac();
    const alive = line.newMac();
    await line.checkIn(gone, '1.0.0', measured);
    await line.checkIn(alive, '1.0.0', measured);
    const hours = async () => query('select distinct device_id from telemetry order by device_id');
    await pass(29);
    await line.checkIn(alive, '1.0.0', measured);
    expect(await hours()).toHaveLength(2);
    await pass(2);
    await line.checkIn(alive, '1.0.0', measured);
    expect(await hours(), 'hours go first').toHaveLength(1);
    expect((await line.detail(gone)).device.attributes).toMatchObject({ free_heap_bytes: 100_000, rssi_dbm: -60 });
    await pass(60);
    const { device } = await line.detail(gone);
    expect(device).toMatchObject({ mac: gone, status: 'silent', current_version: '1.0.0' });
    expect(device.attributes).not.toHaveProperty('free_heap_bytes');
    expect(device.attributes).not.toHaveProperty('rssi_dbm');
    expect((await line.detail(alive)).device.attributes).toHaveProperty('rssi_dbm');
  });

  test('is everything, where the limits say forever', async () => {
    const { good } = await fourReleases();
    await server.stop();
    const keys = ['events', 'audit', 'assignments', 'telemetry', 'presence'];
    await appendFile(
      join(server.home, 'config/server.yml'),
      `\nretention: { ${keys.map((key) => `${key}: forever`).join(', ')} }\n`,
    );
    server = await startTestServer({ like: server });
    line.moveTo(server);
    const content = async () =>
      query(
        'select (select count(*) from events) as events, (select count(*) from audit) as audit, (select count(*) from telemetry) as hours',
      );
    const before = await content();
    await pass(4_000);
    expect(await content()).toEqual(before);
    expect(await versionsOf(good)).toHaveLength(4);
  });
});

test('two servers that forget at the same moment count nothing twice', async () => {
  const one = await startTestServer({ dialect: 'postgres' });
  const other = await startTestServer({ env: { OTTER_DATABASE: one.databaseUrl } });
  onTestFinished(async () => {
    await other.end();
    await one.end();
  });
  const line = new ProductLine(one);
  const macs = Array.from({ length: 12 }, () => line.newMac());
  for (const [from, to] of [
    ['1.0.0', '1.1.0'],
    ['1.1.0', '1.2.0'],
    ['1.2.0', '1.3.0'],
  ] as const) {
    await line.makeStable(to);
    for (const mac of macs) {
      await line.take(mac, from);
      await line.checkIn(mac, to);
      await line.checkIn(mac, to);
    }
  }
  const before = (await line.rollout('1.1.0')).stages.map(({ outcomes }) => outcomes);
  expect(before.flatMap((outcomes) => Object.values(outcomes))).toContain(macs.length);
  for (const server of [one, other]) server.clock.advance(366 * DAY_S);
  for (let count = 0; count < 3; count += 1) await Promise.all([one.tick(), other.tick()]);
  expect((await line.assignments(macs[0] ?? '')).map(({ version }) => version)).toEqual(['1.3.0', '1.2.0']);
  expect((await line.rollout('1.1.0')).stages.map(({ outcomes }) => outcomes)).toEqual(before);
  expect(await one.admin('verifyAudit')).toMatchObject({ intact: true });
});

test('nothing goes by a clock that was set ahead', async () => {
  let steadyMs = 0;
  const server = await startTestServer({ steadyClock: () => steadyMs });
  onTestFinished(async () => server.end());
  await server.admin('createLabel', { body: { name: 'old' } });
  server.clock.advance(2_000 * DAY_S);
  for (let minute = 0; minute < 30; minute += 1) {
    server.clock.advance(60);
    steadyMs += 60_000;
    await server.tick();
  }
  expect((await server.admin('listAudit')).items).toHaveLength(1);
  for (let minute = 0; minute < 40; minute += 1) {
    server.clock.advance(60);
    steadyMs += 60_000;
    await server.tick();
  }
  expect((await server.admin('listAudit')).items, 'an hour later it is believed').toHaveLength(0);
});
