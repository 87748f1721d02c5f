// How boards fare, over real HTTPS on both databases: the telemetry of each hour, and a stage against how its boards were.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_S = 3_600;
const KIB = 1024;

describe.each(DIALECTS)('health on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    // The next whole hour.
    server.clock.nowMs = (Math.floor(server.clock.nowMs / 3_600_000) + 1) * 3_600_000;
  });
  afterAll(async () => server.end());

  const fares = (heapKib: number, uptime_s: number, reason = 'software') => ({
    free_heap_bytes: heapKib * KIB,
    largest_block_bytes: 64 * KIB,
    rssi_dbm: -61,
    boot: { state: 'confirmed', reason, uptime_s },
  });

  /** A check every half hour. */
  async function run(mac: string, version: string, hours: number, told: (check: number) => object): Promise<void> {
    for (let check = 0; check < hours * 2; check += 1) {
      await line.checkIn(mac, version, { ...told(check) });
      server.clock.advance(HOUR_S / 2);
    }
  }

  async function stageHealth(version: string) {
    return (await line.rollout(version)).stages.find(({ stage }) => stage === 'expand')?.health;
  }

  test('a stage is compared with how its boards were before, hour for hour', async () => {
    const [leaking, silent] = [line.newMac(), line.newMac()];
    await run(leaking, '1.0.0', 2, (check) => fares(182, 100 + check * 1_800));
    await line.checkIn(silent, '1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    for (const mac of [leaking, silent]) {
      await line.offer(mac, '1.0.0', fares(182, 7_300));
      await line.checkIn(mac, '1.1.0', fares(182, 5));
    }
    expect(await stageHealth('1.1.0'), 'the hour of the update is of both builds').toEqual({ text: ['no baseline'] });
    server.clock.advance(HOUR_S);
    // Crashes once, and has less heap than before.
    await run(leaking, '1.1.0', 1, (check) => fares(120, check === 0 ? 3_605 : 8, check === 0 ? 'software' : 'panic'));
    expect(await stageHealth('1.1.0')).toEqual({
      text: [
        'free heap 182 -> 120 KiB (-34 %)',
        'largest block 64 -> 64 KiB (0 %)',
        'RSSI -61 -> -61 dBm',
        'restarts 0.0 -> 24.0 per board and day',
        'crashes 0.0 -> 24.0 per board and day',
      ],
      heap_bytes: { before: 182 * KIB, now: 120 * KIB, boards: 1 },
      block_bytes: { before: 64 * KIB, now: 64 * KIB, boards: 1 },
      rssi_dbm: { before: -61, now: -61, boards: 1 },
      restarts_per_day: { before: 0, now: 24, boards: 1 },
      crashes_per_day: { before: 0, now: 24, boards: 1 },
    });
    const { items } = await server.admin('listRollouts', { query: { product: line.product } });
    expect(
      items[0]?.stages.map((stage) => 'health' in stage),
      'a list does not look at the telemetry',
    ).toEqual([false, false]);
  });

  test('a build that measures what the one before did not has no baseline', async () => {
    const mac = line.newMac();
    await run(mac, '1.0.0', 1, () => ({}));
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', fares(120, 5));
    server.clock.advance(HOUR_S);
    await run(mac, '1.1.0', 1, (check) => fares(120, 3_605 + check * 1_800));
    expect(await stageHealth('1.1.0')).toEqual({ text: ['no baseline'] });
  });

  test('an offer keeps how the board was in the last hour, the last six and the last day', async () => {
    const mac = line.newMac();
    await run(mac, '1.0.0', 24, (check) => fares(check < 46 ? 182 : 100, 100 + check * 1_800));
    await line.detail(mac);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const id = await line.offer(mac, '1.0.0', fares(182, 90_000));
    const raw = await openRaw(server);
    const [row] = await raw.query(`select baseline from assignments where id = ${id}`);
    await raw.close();
    const spans: unknown = JSON.parse(String(row?.['baseline']));
    expect(spans).toMatchObject([
      { hours: 24, checks: 48, heapBytes: Math.round(((182 * 46 + 100 * 2) / 48) * KIB * 10) / 10, restarts: 0 },
      { hours: 6, checks: 12 },
      { hours: 1, checks: 2, heapBytes: 100 * KIB, rssiDbm: -61, bootS: null, crashes: 0 },
    ]);
  });

  test('the telemetry of a device is kept hour by hour for 72 hours', async () => {
    const mac = line.newMac();
    const startMs = server.clock.nowMs;
    await line.checkIn(mac, '1.0.0', fares(182, 100));
    server.clock.advance(600);
    await line.checkIn(mac, '1.0.0', { ...fares(120, 12, 'ESP_RST_PANIC'), rssi_dbm: -70 });
    server.clock.advance(HOUR_S);
    await line.checkIn(mac, '1.0.0', { rssi_dbm: 'strong', boot: { state: 'confirmed', uptime_s: 'long' } });
    const at = (ms: number) => new Date(ms).toISOString();
    const { hours } = await server.admin('getTelemetry', { params: { device: mac } });
    expect(hours).toEqual([
      {
        hour: at(startMs),
        checks: 2,
        heap_bytes: 151 * KIB,
        heap_min_bytes: 120 * KIB,
        block_bytes: 64 * KIB,
        block_min_bytes: 64 * KIB,
        rssi_dbm: -65.5,
        restarts: 1,
        crashes: 1,
        boot_s: 12,
      },
      {
        hour: at(startMs + HOUR_S * 1000),
        checks: 1,
        heap_bytes: null,
        heap_min_bytes: null,
        block_bytes: null,
        block_min_bytes: null,
        rssi_dbm: null,
        restarts: null,
        crashes: 0,
        boot_s: null,
      },
    ]);
    server.clock.nowMs = startMs + 72 * HOUR_S * 1000;
    await line.checkIn(mac, '1.0.0', fares(100, 100));
    const { hours: later } = await server.admin('getTelemetry', { params: { device: mac } });
    expect(later.map(({ hour }) => Date.parse(hour) - startMs)).toEqual([HOUR_S * 1000, 72 * HOUR_S * 1000]);
    const raw = await openRaw(server);
    const rows = await raw.query(
      `select slot from telemetry join devices on devices.id = device_id where first_name = '${mac}'`,
    );
    await raw.close();
    expect(rows, 'an hour takes the place of the one 72 hours before').toHaveLength(2);
  });

  test('an hour of a clock that was wrong for a while is not shown, and gives its place back', async () => {
    const mac = line.newMac();
    const startMs = server.clock.nowMs;
    for (const jumpMs of [0, 3_650 * 24 * HOUR_S * 1000, 0]) {
      server.clock.nowMs = startMs + jumpMs;
      await line.checkIn(mac, '1.0.0', fares(182, 100));
      await line.detail(mac);
    }
    server.clock.nowMs = startMs + 1_000;
    const { hours } = await server.admin('getTelemetry', { params: { device: mac } });
    expect(hours.map(({ hour }) => Date.parse(hour))).toEqual([startMs]);
  });

  test('the telemetry of a device that never checked in is refused', async () => {
    expect(await server.tryAdmin('getTelemetry', { params: { device: line.newMac() } })).toMatchObject({
      status: 404,
      body: { error: { code: 'device_unknown' } },
    });
  });

  test.runIf(dialect === 'sqlite')('nothing that was noted is lost while the database cannot be written', async () => {
    const mac = await line.newDevice('1.0.0');
    await line.detail(mac);
    const holder = await openRaw(server, { writes: true });
    await holder.query('begin immediate');
    await line.checkIn(mac, '1.0.1', fares(182, 100));
    expect(await server.tryAdmin('getDevice', { params: { device: mac } })).toMatchObject({ status: 503 });
    await line.checkIn(mac, '1.0.1', fares(120, 101));
    await holder.query('rollback');
    await holder.close();
    expect((await line.detail(mac)).device.current_version).toBe('1.0.1');
    const { hours } = await server.admin('getTelemetry', { params: { device: mac } });
    expect(hours).toMatchObject([{ checks: 3, heap_bytes: 151 * KIB, heap_min_bytes: 120 * KIB }]);
  });
});
