// Windows of stages: each stage installs in its own hours, in its own time zone, over midnight and over changes of the clock.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: at-night
    stages:
      - {name: pilot, label: pilot}
      - {name: all, label: general, window: {cron: "0 22 * * *", timezone: Europe/Berlin, duration: 4h}}
  - name: their-night
    stages:
      - {name: all, label: general, window: {cron: "15 2 * * *", timezone: Europe/Berlin, duration: 3h, device_local: true}}
  - name: early
    stages:
      - {name: all, label: general, window: {cron: "30 2 * * *", timezone: America/New_York, duration: 2h}}
`;

describe.each(DIALECTS)('the window of a stage on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const at = (instant: string): void => {
    server.clock.nowMs = Date.parse(instant);
  };
  const begin = async (plan: string): Promise<string> => {
    const { name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } });
    await server.admin('startRollout', { params: { name }, body: {} });
    return name;
  };
  const reasons = async (instants: readonly string[], mac?: string): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const instant of instants) {
      at(instant);
      const { reason } = await line.checkIn(mac ?? line.newMac(), '1.0.0');
      found.push(`${instant.slice(0, 16)} ${reason}`);
    }
    return found;
  };

  test('holds its devices and not those of an earlier stage, over midnight, also after the rollout is complete', async () => {
    at('2026-11-23T12:00:00Z');
    const pilot = await line.newDevice('1.0.0', ['pilot']);
    const name = await begin('at-night');
    expect(await reasons(['2026-11-23T12:00:00Z'], pilot)).toEqual(['2026-11-23T12:00 update']);
    await server.admin('promoteRollout', { params: { name }, body: {} });
    const hours = [
      '2026-11-23T12:00:00Z',
      '2026-11-23T20:59:59Z',
      '2026-11-23T21:00:00Z',
      '2026-11-24T00:59:59Z',
      '2026-11-24T01:00:00Z',
    ];
    const expected = [
      '2026-11-23T12:00 window_closed',
      '2026-11-23T20:59 window_closed',
      '2026-11-23T21:00 update',
      '2026-11-24T00:59 update',
      '2026-11-24T01:00 window_closed',
    ];
    expect(await reasons(hours)).toEqual(expected);
    expect(await reasons(['2026-11-24T12:00:00Z'], pilot), 'its own stage has no window').toEqual([
      '2026-11-24T12:00 update',
    ]);
    await server.admin('promoteRollout', { params: { name }, body: {} });
    expect(await reasons(hours)).toEqual(expected);
  });

  test('says when it opens, to people and to the device', async () => {
    at('2026-11-23T20:58:00Z');
    const name = await begin('at-night');
    await server.admin('promoteRollout', { params: { name }, body: {} });
    const mac = line.newMac();
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0');
    expect(poll_interval_s).toBeGreaterThanOrEqual(120);
    expect(poll_interval_s).toBeLessThanOrEqual(180);
    expect(await line.explain(mac)).toMatchObject({
      reason: 'window_closed',
      to_change: 'window of the stage (0 22 * * * Europe/Berlin) opens in 2 min',
    });
  });

  test('keeps its length when the clocks go forward, and opens once when they go back', async () => {
    at('2026-11-23T12:00:00Z');
    await begin('early');
    // 2027-03-14: 02:30 is skipped in New York, the window opens when the clock has moved on, at 03:00 EDT (07:00Z).
    expect(
      await reasons([
        '2027-03-14T06:29:00Z',
        '2027-03-14T06:59:00Z',
        '2027-03-14T07:30:00Z',
        '2027-03-14T08:59:00Z',
        '2027-03-14T09:31:00Z',
      ]),
    ).toEqual([
      '2027-03-14T06:29 window_closed',
      '2027-03-14T06:59 window_closed',
      '2027-03-14T07:30 update',
      '2027-03-14T08:59 update',
      '2027-03-14T09:31 window_closed',
    ]);
    // 2027-11-07: 01:00 to 02:00 happens twice; 02:30 EST is 07:30Z.
    expect(
      await reasons(['2027-11-07T06:30:00Z', '2027-11-07T07:30:00Z', '2027-11-07T09:29:00Z', '2027-11-07T09:30:00Z']),
    ).toEqual([
      '2027-11-07T06:30 window_closed',
      '2027-11-07T07:30 update',
      '2027-11-07T09:29 update',
      '2027-11-07T09:30 window_closed',
    ]);
  });

  test('that is device local goes with the offer, in the time zone of the label, as its clock is that day', async () => {
    at('2026-07-01T12:00:00Z');
    await server.admin('createLabel', { body: { name: `${line.product}-ny`, timezone: 'America/New_York' } });
    const abroad = await line.newDevice('1.0.0', [`${line.product}-ny`]);
    const home = line.newMac();
    await begin('their-night');
    const summer = await line.checkIn(abroad, '1.0.0');
    expect(summer).toMatchObject({
      update_available: true,
      install_window: { from_minute: 135, duration_min: 180, utc_offset_min: -240 },
    });
    expect(await line.checkIn(home, '1.0.0')).toMatchObject({ install_window: { utc_offset_min: 120 } });
    at('2026-12-01T12:00:00Z');
    expect(await line.checkIn(abroad, '1.0.0')).toMatchObject({ install_window: { utc_offset_min: -300 } });

    const params = { name: `${line.product}-ny` };
    await server.admin('updateLabel', { params, body: { timezone: 'Asia/Kathmandu' } });
    expect(await line.checkIn(abroad, '1.0.0')).toMatchObject({ install_window: { utc_offset_min: 345 } });
    await server.admin('updateLabel', { params, body: { timezone: null } });
    expect(await line.checkIn(abroad, '1.0.0')).toMatchObject({ install_window: { utc_offset_min: 60 } });
    expect(await server.tryAdmin('updateLabel', { params, body: { timezone: 'Mars/Olympus' } })).toMatchObject({
      status: 400,
      body: { error: { code: 'timezone_unknown' } },
    });
  });

  test('that is device local gives the device a day more', async () => {
    at('2026-11-23T12:00:00Z');
    await begin('their-night');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    at('2026-11-24T11:00:00Z');
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
    at('2026-11-24T13:00:00Z');
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'timed_out' }]);
  });

  test('and a schedule for its devices must both be open', async () => {
    at('2026-11-23T12:00:00Z');
    const shop = await line.newDevice('1.0.0', ['shop']);
    const name = await begin('at-night');
    await server.admin('promoteRollout', { params: { name }, body: {} });
    const body = { cron: '0 0 * * *', timezone: 'Europe/Berlin', action: 'window', duration_s: 3 * 3_600 } as const;
    await server.admin('createSchedule', { body: { ...body, name: 'closing-time', label: 'shop' } });
    const hours = ['2026-11-23T22:00:00Z', '2026-11-23T23:00:00Z', '2026-11-24T01:30:00Z'];
    expect(await reasons(hours, shop)).toEqual([
      '2026-11-23T22:00 window_closed',
      '2026-11-23T23:00 update',
      '2026-11-24T01:30 window_closed',
    ]);
    expect(await reasons(['2026-11-23T22:00:00Z'])).toEqual(['2026-11-23T22:00 update']);
    await server.admin('deleteSchedule', { params: { name: 'closing-time' } });
  });
});
