// When a device is silent: by its own rhythm, in every view, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

describe.each(DIALECTS)('silence on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  /** As the device is shown, and as the list filters it: both must be the same. */
  async function isSilent(mac: string): Promise<boolean> {
    const { device } = await line.detail(mac);
    const { items } = await server.admin('listDevices', { query: { status: 'silent', mac } });
    const { items: others } = await server.admin('listDevices', { query: { status: 'ok', mac } });
    expect(items.length + others.length).toBe(1);
    expect(items.length === 1).toBe(device.status === 'silent');
    return device.status === 'silent';
  }

  async function expectSilentAfter(mac: string, seconds: number): Promise<void> {
    server.clock.advance(seconds);
    expect(await isSilent(mac), `${seconds} s after its last check`).toBe(false);
    server.clock.advance(1);
    expect(await isSilent(mac), `${seconds + 1} s after its last check`).toBe(true);
  }

  test('begins after three times the interval that the device was told', async () => {
    const mac = line.newMac();
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0');
    await expectSilentAfter(mac, 3 * poll_interval_s);
  });

  test('begins after three of its own gaps where the device sleeps longer than it was told', async () => {
    const mac = await line.newDevice('1.0.0');
    for (const gapS of [DAY_S, DAY_S]) {
      server.clock.advance(gapS);
      await line.checkIn(mac, '1.0.0');
    }
    const silentBefore = (await server.admin('getStatus')).devices.silent;
    server.clock.advance(HOUR_S);
    expect((await server.admin('getStatus')).devices.silent, 'not after an hour').toBe(silentBefore);
    await expectSilentAfter(mac, 3 * DAY_S - HOUR_S);
    expect((await server.admin('getStatus')).devices.silent).toBe(silentBefore + 1);
  });

  test('does not become later by one outage', async () => {
    const mac = await line.newDevice('1.0.0');
    for (const gapS of [600, DAY_S, 600]) {
      server.clock.advance(gapS);
      await line.checkIn(mac, '1.0.0');
    }
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0');
    await expectSilentAfter(mac, 3 * poll_interval_s);
  });

  test('waits for what the device announces, from its first check on', async () => {
    const mac = line.newMac();
    await line.checkIn(mac, '1.0.0', { next_check_s: DAY_S });
    await expectSilentAfter(mac, 3 * DAY_S);
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0', { next_check_s: 60 });
    await expectSilentAfter(mac, 3 * poll_interval_s);
  });

  test.each(['soon', -1, 0, 1.5, 2_592_001, null])('does not wait for next_check_s %j', async (next_check_s) => {
    const mac = line.newMac();
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0', { next_check_s });
    await expectSilentAfter(mac, 3 * poll_interval_s);
  });

  test('of a device that takes an offer begins as late as of one that rests', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0');
    expect(3 * poll_interval_s).toBeLessThan(HOUR_S);
    server.clock.advance(HOUR_S);
    expect((await line.detail(mac)).device.status).toBe('updating');
    server.clock.advance(1);
    expect((await line.detail(mac)).device.status).toBe('silent');
    const preview = await server.admin('previewRollout', { params: { name: line.rolloutName('1.1.0') } });
    expect(preview.stages.map(({ silent }) => silent)).toEqual([0, 1]);
  });

  test('of a device that was not seen since limits are kept begins as it did before', async () => {
    const mac = await line.newDevice('1.0.0');
    await line.detail(mac);
    const raw = await openRaw(server, { writes: true });
    await raw.query(`update presence set limit_s = null, interval_s = null
      where device_id = (select id from devices where first_name = '${mac}')`);
    await raw.close();
    await expectSilentAfter(mac, HOUR_S);
  });

  test('counts every gap, also between checks that are not in the database yet', async () => {
    const mac = await line.newDevice('1.0.0');
    for (const gapS of [30, 40, 50, 60, 70]) {
      server.clock.advance(gapS);
      await line.checkIn(mac, '1.0.0', { free_heap_bytes: 180_000, largest_block_bytes: 90_000, boot: BOOT });
    }
    const { device } = await line.detail(mac);
    expect(device.attributes).toMatchObject({ free_heap_bytes: 180_000, largest_block_bytes: 90_000, uptime_s: 77 });
    const raw = await openRaw(server);
    const [row] = await raw.query(`select gaps, boot_cause, interval_s, limit_s from presence
      join devices on devices.id = device_id where first_name = '${mac}'`);
    await raw.close();
    expect(row).toMatchObject({ gaps: '70,60,50,40', boot_cause: 'watchdog' });
    expect(Number(row?.['limit_s'])).toBe(3 * Number(row?.['interval_s']));
  });
});

const BOOT = { state: 'confirmed', reason: 'ESP_RST_TASK_WDT', uptime_s: 77 };
