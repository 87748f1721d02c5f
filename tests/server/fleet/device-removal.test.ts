// A device is removed, over real HTTPS on both databases: what goes, what stays counted, and how it comes back.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a device that is removed on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
  });
  afterAll(async () => server.end());

  const remove = async (mac: string) =>
    server.admin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } });

  async function fail(mac: string): Promise<void> {
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.1.0' } });
  }

  async function succeed(mac: string): Promise<void> {
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
    await line.checkIn(mac, '1.1.0');
  }

  test('is asked for first, with what goes', async () => {
    const mac = await line.newDevice('1.0.0', ['lab', 'shop']);
    await line.take(mac, '1.0.0');
    const { status, body } = await server.tryAdmin('removeDevice', { params: { device: mac } });
    expect(status).toBe(409);
    expect(body).toMatchObject({ error: { code: 'confirmation_needed' } });
    const { message } = JSON.parse(JSON.stringify(body)).error;
    for (const said of [
      mac,
      `${line.product} 1.0.0`,
      '1 assignment ',
      'labels lab, shop',
      `rollout ${line.rolloutName('1.1.0')} (1.1.0, downloading)`,
    ])
      expect(message).toContain(said);
    expect((await line.detail(mac)).device.labels, 'nothing is done').toEqual(['lab', 'shop']);
  });

  test('is gone with all that was known of it, and the audit says so', async () => {
    const mac = await line.newDevice('1.0.0', ['lab']);
    await fail(mac);
    const raw = await openRaw(server);
    onTestFinished(async () => raw.close());
    const [row] = await raw.query(`select id from devices where first_name = '${mac}'`);
    expect(await remove(mac)).toEqual({
      device_id: `dev-${Number(row?.['id'])}`,
      mac,
      name: null,
      product: line.product,
      current_version: '1.0.0',
      labels: ['lab'],
      assignments: 1,
    });
    expect((await server.tryAdmin('getDevice', { params: { device: mac } })).body).toMatchObject({
      error: { code: 'device_unknown' },
    });
    for (const table of ['device_names', 'presence', 'telemetry', 'device_labels', 'assignments'])
      expect(await raw.query(`select * from ${table} where device_id = ${Number(row?.['id'])}`)).toEqual([]);
    const { items } = await server.admin('listAudit', { query: { action: 'device.remove', subject: mac } });
    expect(items).toMatchObject([
      { actor: 'admin', details: { product: line.product, labels: ['lab'], assignments: 1 } },
    ]);
    expect(
      (await server.tryAdmin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } })).status,
    ).toBe(404);
  });

  test('stays counted by what it showed in the rollout, and is not counted twice when it comes back', async () => {
    const [good, bad, busy] = [line.newMac(), line.newMac(), line.newMac()];
    await succeed(good);
    await fail(bad);
    await line.take(busy, '1.0.0');
    const before = await line.outcomes('1.1.0', 'expand');
    expect(before).toMatchObject({ healthy: 1, failed: 1, updating: 1 });
    for (const mac of [good, bad, busy]) await remove(mac);
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 1, failed: 1, updating: 0 });
    server.clock.advance(60);
    await succeed(good);
    expect((await line.detail(good)).device.first_seen_at).toBe(new Date(server.clock.nowMs).toISOString());
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 1, failed: 1 });
  });

  test('does not count any more against a halted rollout that was resumed', async () => {
    const stages = [
      {
        name: 'all',
        label: 'general',
        percentage: 100,
        promotion: 'manual',
        gate: { min_confirmed: 1, max_failed: 0 },
      },
    ];
    const name = `${line.product}-strict`;
    await server.admin('setPlan', { params: { name }, body: { stages } });
    await line.move('1.1.0', 'abort');
    await line.add('1.2.0');
    const known = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')] as const;
    server.clock.advance(2 * 86_400);
    await server.admin('createRollout', { body: { version: '1.2.0', product: line.product, plan: name, name } });
    await server.admin('startRollout', { params: { name }, body: {} });
    await line.take(known[0], '1.0.0');
    await line.checkIn(known[0], '1.2.0', ON_TRIAL);
    await line.checkIn(known[0], '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.2.0' } });
    const state = async () => (await server.admin('getRollout', { params: { name } })).status;
    expect(await state()).toBe('halted');
    await remove(known[0]);
    await server.admin('resumeRollout', { params: { name }, body: { reason: 'it lay in water' } });
    await server.tick();
    expect(await state()).toBe('running');
    await line.take(known[1], '1.0.0');
    await line.checkIn(known[1], '1.2.0', ON_TRIAL);
    await line.checkIn(known[1], '1.0.0', { boot: { ...CAME_BACK.boot, rolled_back_from: '1.2.0' } });
    expect(await state(), 'the next failure does').toBe('halted');
  });

  test('tells those who listen that its offer is over', async () => {
    const mac = line.newMac();
    const id = await line.take(mac, '1.0.0');
    await remove(mac);
    const { items } = await vi.waitFor(async () => {
      const found = await server.admin('listEvents', {
        query: { type: 'assignment.superseded', product: line.product },
      });
      expect(found.items).toHaveLength(1);
      return found;
    });
    expect(items).toMatchObject([{ mac, assignment_id: id, from: 'downloading', data: { removed: true } }]);
  });

  test('may check in at the same moment: the checks of the others are not lost', async () => {
    const macs = await Promise.all(Array.from({ length: 6 }, async () => line.newDevice('2.0.0')));
    const [mac = ''] = macs;
    for (let round = 0; round < 10; round += 1) {
      server.clock.advance(60);
      await Promise.all([
        ...macs.map(async (one) => line.checkIn(one, '2.0.0')),
        server.tryAdmin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } }),
      ]);
    }
    server.clock.advance(60);
    for (const one of macs) await line.checkIn(one, '2.0.0');
    for (const one of macs)
      expect((await line.detail(one)).device.last_seen_at).toBe(new Date(server.clock.nowMs).toISOString());
  });
});

test('a device that another server knows is removed: what that one noted of others is not lost', async () => {
  const one = await startTestServer({ dialect: 'postgres' });
  const other = await startTestServer({ env: { OTTER_DATABASE: one.databaseUrl } });
  onTestFinished(async () => {
    await other.end();
    await one.end();
  });
  const [gone, stays] = ['24:6f:28:00:00:01', '24:6f:28:00:00:02'];
  for (const mac of [gone, stays]) await one.checkIn(mac, '1.0.0');
  other.clock.advance(600);
  await Promise.all([gone, stays].map(async (mac) => other.checkIn(mac, '1.0.0')));
  await one.admin('removeDevice', { params: { device: gone }, query: { confirm: 'true' } });
  const { device } = await other.admin('getDevice', { params: { device: stays } });
  expect(device.last_seen_at).toBe(new Date(other.clock.nowMs).toISOString());
  expect((await other.admin('listDevices')).items).toHaveLength(1);
});
