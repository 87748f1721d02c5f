// A device asks for an update, over real HTTPS on both databases.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a check-in on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  test('registers a device that was never seen before', async () => {
    const mac = line.newMac();
    expect(await server.tryAdmin('getDevice', { params: { device: mac } })).toMatchObject({ status: 404 });
    const said = { chip: 'esp32s3', slot_bytes: 1_900_544, rssi_dbm: -61, library: 'otter/1.0.0' };
    expect(await line.checkIn(mac, '1.0.0', said)).toMatchObject({
      update_available: false,
      reason: 'nothing_to_offer',
    });
    const { device } = await line.detail(mac);
    const seenAt = new Date(server.clock.nowMs).toISOString();
    expect(device).toMatchObject({
      mac,
      product: line.product,
      ip: '127.0.0.1',
      current_version: '1.0.0',
      chip: 'esp32s3',
      status: 'ok',
      labels: [],
      first_seen_at: seenAt,
      last_seen_at: seenAt,
      attributes: { slot_bytes: 1_900_544, rssi_dbm: -61, library: 'otter/1.0.0', boot_state: 'confirmed' },
    });
  });

  test('updates what is known of the device, and keeps when it was first seen', async () => {
    const mac = await line.newDevice('1.0.0');
    const before = (await line.detail(mac)).device;
    server.clock.advance(60);
    await line.checkIn(mac, '1.0.1', { free_heap_bytes: 123_456 });
    const { device } = await line.detail(mac);
    expect(device).toMatchObject({ current_version: '1.0.1', first_seen_at: before.first_seen_at });
    expect(device.attributes).toMatchObject({ free_heap_bytes: 123_456 });
    expect(Date.parse(device.last_seen_at) - Date.parse(before.last_seen_at)).toBe(60_000);
  });

  test('writes soft state in batches, not once for each poll', async () => {
    const mac = await line.newDevice('1.0.0');
    await line.detail(mac);
    const raw = await openRaw(server);
    // Changes whenever another connection has committed (SQLite), or written the row (PostgreSQL).
    const version = dialect === 'sqlite' ? 'pragma data_version' : 'select xmin::text from presence order by device_id';
    const polls = 60;
    const startedAt = performance.now();
    const seen = [JSON.stringify(await raw.query(version))];
    for (let poll = 0; poll < polls; poll += 1) {
      server.clock.advance(1);
      await line.checkIn(mac, '1.0.0', { rssi_dbm: -50 - (poll % 10) });
      seen.push(JSON.stringify(await raw.query(version)));
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const commits = seen.filter((state, index) => index > 0 && state !== seen[index - 1]).length;
    expect(commits).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    expect(commits).toBeLessThan(polls / 2);
    await sleep(1_500);
    const [row] = await raw.query(
      `select last_seen_at_ms as at from presence join devices on devices.id = device_id where first_name = '${mac}'`,
    );
    expect(Number(row?.['at'])).toBe(server.clock.nowMs);
    await raw.close();
  });

  test('leaves in the database what the device said last, however quickly it changes', async () => {
    const mac = await line.newDevice('1.0.0');
    await line.detail(mac);
    await line.checkIn(mac, '1.0.1', { chip: 'esp32' });
    await line.checkIn(mac, '1.0.0', { chip: 'esp32' });
    expect((await line.detail(mac)).device).toMatchObject({ current_version: '1.0.0', chip: 'esp32' });
    await line.checkIn(mac, '1.0.1', { chip: 'esp32' });
    await line.checkIn(mac, '1.0.0', { chip: 'esp32' });
    expect((await line.detail(mac)).device).toMatchObject({ current_version: '1.0.0' });
  });

  test('is offered the same assignment again until something changes', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const first = await line.offer(mac, '1.0.0');
    for (let poll = 0; poll < 5; poll += 1) {
      server.clock.advance(600);
      expect(await line.offer(mac, '1.0.0')).toBe(first);
    }
    await line.report(mac, first, 1, 'downloading');
    expect(await line.offer(mac, '1.0.0')).toBe(first);
    expect(await line.assignments(mac)).toMatchObject([{ id: first, state: 'downloading', attempt: 1 }]);
  });

  test('of one MAC in four spellings is one device', async () => {
    const mac = line.newMac();
    const digits = mac.replaceAll(':', '');
    for (const spelled of [mac, mac.toUpperCase(), mac.replaceAll(':', '-'), digits.toUpperCase()])
      await line.checkIn(spelled, '1.0.0');
    const { items } = await server.admin('listDevices', { query: { product: line.product } });
    expect(items.map((device) => device.mac)).toEqual([mac]);
  });

  test.each(['vv1.0.0', '1.0', 'local build', '01.0.0'])('with the unreadable version %j is held', async (version) => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    expect(await line.checkIn(line.newMac(), version)).toMatchObject({
      update_available: false,
      reason: 'version_unreadable',
    });
  });

  test.each([
    ['ESP32-S3', 'esp32s3'],
    ['esp32-c3', 'esp32c3'],
    ['ESP32-D0WDQ6', 'esp32'],
    ['ESP32-PICO-D4', 'esp32'],
  ] as const)('may spell its chip %s, as Arduino does', async (spelled, chip) => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32s3', 'esp32c3'] });
    await line.rollOut('1.1.0', 'expand');
    expect(await line.checkIn(line.newMac(), '1.0.0', { chip: spelled })).toMatchObject({ manifest: { chip } });
  });

  test('with a chip that nobody knows gets no image, and no refusal either', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    expect(await line.checkIn(line.newMac(), '1.0.0', { chip: 'ESP8266' })).toMatchObject({
      reason: 'no_image_for_chip',
    });
  });

  test('gets the image for its chip, and none while it does not say which', async () => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32s3'] });
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'chip_unknown' });
    expect(await line.checkIn(mac, '1.0.0', { chip: 'esp32c3' })).toMatchObject({ reason: 'no_image_for_chip' });
    expect(await line.checkIn(mac, '1.0.0', { chip: 'esp32s3' })).toMatchObject({
      manifest: { chip: 'esp32s3' },
      url: expect.stringMatching(`^/firmware/${line.product}/1.1.0/esp32s3/image.bin\\?assignment=[0-9]+$`),
    });
    await line.detail(mac);
    expect(await line.checkIn(mac, '1.0.0'), 'what it named before chooses no image').toMatchObject({
      update_available: false,
      reason: 'chip_unknown',
    });
  });

  test('with one image only needs no chip', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ manifest: { chip: 'esp32' } });
  });

  test('is held while the slot is smaller than the image', async () => {
    const { images } = await line.add('1.1.0');
    const sizeBytes = images[0]?.size_bytes ?? 0;
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0', { slot_bytes: sizeBytes - 1 })).toMatchObject({ reason: 'slot_too_small' });
    expect(await line.checkIn(mac, '1.0.0', { slot_bytes: sizeBytes })).toMatchObject({ update_available: true });
  });

  test('goes on without telemetry that makes no sense', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const nonsense = { rssi_dbm: 5, free_heap_bytes: -1, flash_bytes: 'big', library: 'x'.repeat(65) };
    expect(await line.checkIn(mac, '1.0.0', nonsense)).toMatchObject({ update_available: true });
    const { attributes } = (await line.detail(mac)).device;
    for (const name of Object.keys(nonsense)) expect(attributes).not.toHaveProperty(name);
    expect(server.logged.some((entry) => entry.includes(mac) && entry.includes('rssi_dbm'))).toBe(true);
  });

  test('of a device that was flashed by cable counts what it runs', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const forward = line.newMac();
    await line.offer(forward, '1.0.0');
    expect(await line.checkIn(forward, '1.1.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(forward)).toMatchObject([{ state: 'confirmed' }]);
    const beyond = line.newMac();
    await line.offer(beyond, '1.0.0');
    expect(await line.checkIn(beyond, '9.0.0')).toMatchObject({ reason: 'newer_than_target' });
    expect(await line.assignments(beyond)).toMatchObject([{ state: 'superseded' }]);
    expect((await line.detail(beyond)).device.status).toBe('ok');
    expect(await line.checkIn(beyond, '1.0.0'), 'flashed back: a new attempt').toMatchObject({
      update_available: true,
    });
  });

  test('on another build of the target version does not confirm it', async () => {
    const { images } = await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', { image_sha256: 'b'.repeat(64) });
    expect((await line.assignments(mac))[0]?.state).not.toBe('confirmed');
    const other = line.newMac();
    await line.offer(other, '1.0.0');
    await line.checkIn(other, '1.1.0', { image_sha256: images[0]?.sha256 });
    expect(await line.assignments(other)).toMatchObject([{ state: 'confirmed' }]);
  });

  test('is told to come back within its poll interval and its jitter, twice as seldom while nothing is due', async () => {
    const mac = line.newMac();
    const intervals: number[] = [];
    for (let poll = 0; poll < 40; poll += 1) intervals.push((await line.checkIn(mac, '1.0.0')).poll_interval_s);
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(1_080);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(1_320);
    expect(new Set(intervals).size).toBeGreaterThan(5);
  });

  test('in many requests at once is one device with one open assignment', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => line.offer(mac, '1.0.0')));
    expect(new Set(answers).size).toBe(1);
    expect(await line.assignments(mac)).toHaveLength(1);
  });
});

describe.each(BOTH)('a label hint on %s', (dialect) => {
  test('becomes a label only where the configuration names it', async () => {
    const first = await startTestServer({ dialect });
    const line = new ProductLine(first);
    await line.add('1.1.0');
    const mac = line.newMac();
    await line.checkIn(mac, '1.0.0', { labels: ['pilot', 'lab'] });
    expect((await line.detail(mac)).device).toMatchObject({
      labels: [],
      attributes: { label_hints: ['pilot', 'lab'] },
    });
    await first.stop();
    await appendFile(join(first.home, 'config/server.yml'), '\nlabels: {from_hints: [pilot]}\n');

    const second = await startTestServer({ like: first });
    line.moveTo(second);
    await line.checkIn(mac, '1.0.0', { labels: ['pilot', 'lab', 'Not A Name'] });
    expect((await line.detail(mac)).device.labels).toEqual(['pilot']);
    const { items } = await second.admin('listLabels');
    expect(items).toMatchObject([{ name: 'pilot', devices: 1 }]);
    await line.rollOut('1.1.0', 'pilot');
    expect(await line.checkIn(mac, '1.0.0'), 'the hint is not needed any more').toMatchObject({
      update_available: true,
      labels: ['pilot'],
    });
    await second.end();
  });
});
