// The fleet at a glance, over real HTTPS on both databases.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('the status on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
  });
  afterEach(async () => server.end());

  test('of an empty server says so', async () => {
    server.clock.advance(90);
    expect(await server.admin('getStatus')).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      database: dialect,
      started_at: new Date(START_MS).toISOString(),
      poll_interval_s: 600,
      devices: { total: 0, silent: 0, updating: 0, failed: 0, held: 0, test: 0 },
      frozen: [],
      last_backup: null,
      certificate_ends_at: expect.stringMatching(/^20\d\d-/),
      disk: { free_bytes: expect.any(Number), total_bytes: expect.any(Number) },
      versions: [],
      rollouts: [],
      calls: [],
      warnings: [],
    });
  });

  test('calls for a certificate that ends within 30 days, or has ended', async () => {
    const { certificate_ends_at: endsAt } = await server.admin('getStatus');
    const daysBefore = async (days: number) => {
      server.clock.nowMs = Date.parse(endsAt) - days * 86_400_000;
      const { calls } = await server.admin('getStatus');
      return calls.filter(({ kind }) => kind === 'certificate').map(({ text }) => text);
    };
    expect(await daysBefore(31)).toEqual([]);
    expect(await daysBefore(30)).toEqual(['the certificate of this server ends in 30 days']);
    expect(await daysBefore(-1)).toEqual(['the certificate of this server has ended']);
  });

  test('counts every device once by what it is doing, and silent ones as silent only', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [offered, trial, back, confirmed] = [line.newMac(), line.newMac(), line.newMac(), line.newMac()];
    for (const mac of [offered, trial, back, confirmed]) await line.offer(mac, '1.0.0');
    await line.checkIn(trial, '1.1.0', ON_TRIAL);
    await line.checkIn(back, '1.1.0', ON_TRIAL);
    await line.checkIn(back, '1.0.0', CAME_BACK);
    await line.checkIn(confirmed, '1.1.0');
    const { devices, versions, rollouts } = await server.admin('getStatus');
    expect(devices).toEqual({ total: 4, silent: 0, updating: 2, failed: 1, held: 0, test: 0 });
    expect(versions).toEqual(
      expect.arrayContaining([
        { product: line.product, version: '1.0.0', devices: 2 },
        { product: line.product, version: '1.1.0', devices: 2 },
      ]),
    );
    expect(rollouts).toMatchObject([{ name: line.rolloutName('1.1.0'), status: 'running', stage: 'expand' }]);

    server.clock.advance(3 * 1_200 + 1);
    await line.checkIn(trial, '1.1.0', ON_TRIAL);
    expect((await server.admin('getStatus')).devices).toEqual({
      total: 4,
      silent: 3,
      updating: 1,
      failed: 0,
      held: 0,
      test: 0,
    });
    const { items } = await server.admin('listDevices', { query: { status: 'failed' } });
    expect(items, 'the list counts as the status does').toEqual([]);
    const { items: silent } = await server.admin('listDevices', { query: { status: 'silent' } });
    expect(silent.map(({ mac }) => mac)).toEqual([offered, back, confirmed]);
  });

  test('counts a test board apart, and nowhere else', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [real, bench] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.1')];
    const say = async (counted: 'no' | 'auto') =>
      server.admin('setCounted', { params: { device: bench }, body: { counted, reason: 'the bench' } });
    expect(await say('no')).toMatchObject({ counted: 'no', not_counted: 'test' });
    const status = await server.admin('getStatus');
    expect(status.devices).toEqual({ total: 1, silent: 0, updating: 1, failed: 0, held: 0, test: 1 });
    expect(status.versions).toEqual([{ product: line.product, version: '1.0.0', devices: 1 }]);
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ targeted: 1, waiting: 1, uncounted: 1 });
    server.clock.advance(86_400);
    await line.checkIn(real, '1.0.0');
    expect((await server.admin('getStatus')).devices).toMatchObject({ total: 1, silent: 0, test: 1 });
    await say('auto');
    expect((await server.admin('getStatus')).devices).toMatchObject({ total: 2, silent: 1, test: 0 });
  });

  test('shows open rollouts of every product, and no others', async () => {
    const other = new ProductLine(server);
    await line.add('1.0.0');
    await other.add('1.0.0');
    await line.rollOut('1.0.0', 'pilot');
    await other.rollOut('1.0.0', 'draft');
    const names = async () => (await server.admin('getStatus')).rollouts.map(({ name }) => name);
    expect(await names()).toEqual([line.rolloutName('1.0.0')]);
    await other.move('1.0.0', 'start');
    await line.move('1.0.0', 'pause');
    expect(await names()).toEqual([line.rolloutName('1.0.0'), other.rolloutName('1.0.0')]);
    await line.move('1.0.0', 'abort');
    expect(await names()).toEqual([other.rolloutName('1.0.0')]);
  });
});
