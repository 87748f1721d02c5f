// Windows: installs are allowed only while one is open. Over real HTTPS on both databases; the clock is moved.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewSchedule } from '#protocol/admin/schedules.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('a window on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    for (const { name } of (await server.admin('listSchedules')).items)
      await server.admin('deleteSchedule', { params: { name } });
    line = new ProductLine(server);
    await line.add('1.1.0');
    at('2026-11-23T10:00:00Z');
    await line.rollOut('1.1.0', 'expand');
  });
  afterAll(async () => server.end());

  function at(instant: string): void {
    server.clock.nowMs = Date.parse(instant);
  }

  const open = async (cron: string, hours: number, change: Partial<NewSchedule> = {}) =>
    server.admin('createSchedule', {
      body: { name: 'night', cron, action: 'window', duration_s: hours * 3600, ...change },
    });

  /** Whether a device of this product is offered the build at each instant. */
  async function offers(instants: readonly string[], mac = line.newMac()): Promise<readonly string[]> {
    const seen = [];
    for (const instant of instants) {
      at(instant);
      const { reason } = await line.checkIn(mac, '1.0.0');
      seen.push(`${instant} ${reason}`);
    }
    return seen;
  }

  test('holds offers outside of it, from its first instant to its last, over midnight', async () => {
    await open('0 22 * * *', 4);
    expect(
      await offers([
        '2026-11-23T10:00:00Z',
        '2026-11-23T21:59:59Z',
        '2026-11-23T22:00:00Z',
        '2026-11-24T00:00:00Z',
        '2026-11-24T01:59:59Z',
        '2026-11-24T02:00:00Z',
        '2026-11-24T21:59:59Z',
        '2026-11-24T22:00:00Z',
      ]),
    ).toEqual([
      '2026-11-23T10:00:00Z window_closed',
      '2026-11-23T21:59:59Z window_closed',
      '2026-11-23T22:00:00Z update',
      '2026-11-24T00:00:00Z update',
      '2026-11-24T01:59:59Z update',
      '2026-11-24T02:00:00Z window_closed',
      '2026-11-24T21:59:59Z window_closed',
      '2026-11-24T22:00:00Z update',
    ]);
  });

  test('opens at its hour of its time zone, and keeps its length when clocks go forward', async () => {
    // Europe/Berlin, 28 March 2027: at 02:00 (01:00 UTC) clocks go to 03:00.
    await open('0 1 * * *', 3, { timezone: 'Europe/Berlin' });
    expect(
      await offers([
        '2027-03-26T23:59:59Z',
        '2027-03-27T00:00:00Z',
        '2027-03-27T02:59:59Z',
        '2027-03-27T03:00:00Z',
        '2027-03-27T23:59:59Z',
        '2027-03-28T00:00:00Z',
        '2027-03-28T02:59:59Z',
        '2027-03-28T03:00:00Z',
        '2027-03-28T22:59:59Z',
        '2027-03-28T23:00:00Z',
      ]),
    ).toEqual([
      '2027-03-26T23:59:59Z window_closed',
      '2027-03-27T00:00:00Z update',
      '2027-03-27T02:59:59Z update',
      '2027-03-27T03:00:00Z window_closed',
      '2027-03-27T23:59:59Z window_closed',
      '2027-03-28T00:00:00Z update',
      '2027-03-28T02:59:59Z update',
      '2027-03-28T03:00:00Z window_closed',
      '2027-03-28T22:59:59Z window_closed',
      '2027-03-28T23:00:00Z update',
    ]);
  });

  test('at an hour that a clock change skips opens when the clock has moved on', async () => {
    await open('30 2 * * *', 1, { timezone: 'Europe/Berlin' });
    expect(
      await offers(['2027-03-28T00:59:59Z', '2027-03-28T01:00:00Z', '2027-03-28T01:59:59Z', '2027-03-28T02:00:00Z']),
    ).toEqual([
      '2027-03-28T00:59:59Z window_closed',
      '2027-03-28T01:00:00Z update',
      '2027-03-28T01:59:59Z update',
      '2027-03-28T02:00:00Z window_closed',
    ]);
  });

  test('at an hour that a clock change repeats opens once', async () => {
    // Europe/Berlin, 31 October 2027: at 03:00 (01:00 UTC) clocks go back to 02:00.
    await open('30 2 * * *', 1, { timezone: 'Europe/Berlin' });
    expect(
      await offers([
        '2027-10-31T00:29:59Z',
        '2027-10-31T00:30:00Z',
        '2027-10-31T01:29:59Z',
        '2027-10-31T01:30:00Z',
        '2027-10-31T02:00:00Z',
      ]),
    ).toEqual([
      '2027-10-31T00:29:59Z window_closed',
      '2027-10-31T00:30:00Z update',
      '2027-10-31T01:29:59Z update',
      '2027-10-31T01:30:00Z window_closed',
      '2027-10-31T02:00:00Z window_closed',
    ]);
  });

  test('for a label holds the devices with that label only', async () => {
    const shop = await line.newDevice('1.0.0', ['shop']);
    await open('0 22 * * *', 4, { label: 'shop' });
    expect(await line.checkIn(shop, '1.0.0')).toMatchObject({ reason: 'window_closed' });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'update' });
    await server.admin('unlabelDevice', { params: { device: shop, name: 'shop' } });
    expect(await line.checkIn(shop, '1.0.0')).toMatchObject({ reason: 'update' });
  });

  test('for a rollout holds the devices of that rollout only', async () => {
    const other = new ProductLine(server);
    await other.add('1.1.0');
    await other.rollOut('1.1.0', 'expand');
    await open('0 22 * * *', 4, { rollout: line.rolloutName('1.1.0') });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'window_closed' });
    expect(await other.checkIn(other.newMac(), '1.0.0')).toMatchObject({ reason: 'update' });
  });

  test('that is open is enough where another is closed', async () => {
    await open('0 22 * * *', 4, { name: 'night' });
    await open('0 9 * * *', 2, { name: 'morning' });
    expect(
      await offers(['2026-11-23T10:00:00Z', '2026-11-23T11:00:00Z', '2026-11-23T22:00:00Z', '2026-11-24T02:00:00Z']),
    ).toEqual([
      '2026-11-23T10:00:00Z update',
      '2026-11-23T11:00:00Z window_closed',
      '2026-11-23T22:00:00Z update',
      '2026-11-24T02:00:00Z window_closed',
    ]);
  });

  test('that closes leaves an assignment as it is, to go on with when it opens again', async () => {
    await open('0 22 * * *', 4);
    at('2026-11-23T22:00:00Z');
    const mac = line.newMac();
    const assignment = await line.offer(mac, '1.0.0');
    await line.report(mac, assignment, 1, 'downloading');
    at('2026-11-24T02:00:00Z');
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'window_closed' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'downloading' }]);
    at('2026-11-24T22:00:00Z');
    expect(await line.offer(mac, '1.0.0')).toBe(assignment);
  });

  test('never holds the way back from a blocked build', async () => {
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
    await line.move('1.1.0', 'abort');
    await line.makeStable('1.0.0');
    await open('0 22 * * *', 4);
    await line.block('1.1.0');
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ rollback: true, reason: 'blocked_go_back' });
    expect(await line.checkIn(line.newMac(), '0.9.0'), 'everything else waits').toMatchObject({
      reason: 'window_closed',
    });
  });

  test('that is disabled or removed holds nothing from the next check on', async () => {
    await open('0 22 * * *', 4);
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'window_closed' });
    const enable = async (enabled: boolean) =>
      server.admin('setScheduleEnabled', { params: { name: 'night' }, body: { enabled } });
    await enable(false);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'update' });
    await enable(true);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'window_closed' });
    await server.admin('deleteSchedule', { params: { name: 'night' } });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'update' });
  });

  test('is never due: it has no next run', async () => {
    expect(await open('0 22 * * *', 4)).toMatchObject({ next_run_at: null, last_result: null });
    at('2026-11-23T22:00:00Z');
    await server.tick();
    expect((await server.admin('listSchedules')).items[0]).toMatchObject({ last_run_at: null, last_result: null });
  });
});
