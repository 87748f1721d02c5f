// The clock is set while no time passes: ahead by 100 days or ten years, for some seconds or for good. Nothing that is kept is
// removed, nobody is silent or late for it, and nobody is "seen in 3649 days" afterwards.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;
const SILENT_S = 3 * 2 * 600;

describe.each(DIALECTS)('on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let steadyMs: number;

  beforeEach(async () => {
    steadyMs = 0;
    server = await startTestServer({ dialect, steadyClock: () => steadyMs });
    line = new ProductLine(server);
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    await pass(2 * HOUR_S);
  });
  afterEach(async () => server.end());

  /** Time that really passes. */
  const pass = async (seconds: number): Promise<void> => {
    steadyMs += seconds * 1000;
    server.clock.advance(seconds);
    await server.tick();
  };
  /** Only the clock. */
  const set = async (seconds: number): Promise<void> => {
    server.clock.advance(seconds);
    await server.tick();
  };
  const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> => {
    const raw = await openRaw(server);
    const rows = await raw.query(sql);
    await raw.close();
    return rows;
  };
  const countEvents = async (): Promise<number> => (await query('select id from events')).length;
  const device = async (mac: string) => (await line.detail(mac)).device;
  const now = (): string => new Date(server.clock.nowMs).toISOString();

  test('100 days ahead for some seconds: no event is removed', async () => {
    const before = await countEvents();
    expect(before).toBeGreaterThan(4);
    await set(100 * DAY_S);
    await pass(5);
    await pass(5);
    await set(-100 * DAY_S);
    await pass(5);
    await pass(30 * MINUTE_S);
    expect(await countEvents()).toBe(before);
  });

  test('100 days ahead for good: events are removed when the clock has kept pace for an hour', async () => {
    const before = await countEvents();
    await set(100 * DAY_S);
    await pass(HOUR_S - 1);
    expect(await countEvents()).toBe(before);
    await pass(1);
    expect(await countEvents()).toBe(1);
  });

  test('ten years ahead: nobody is late or silent, and it is one absence', async () => {
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await pass(5 * MINUTE_S);
    const beforeMs = server.clock.nowMs;
    server.clock.advance(3_650 * DAY_S);
    expect(await device(mac), 'before the server looks').toMatchObject({ status: 'updating' });
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
    expect(await device(mac)).toMatchObject({ status: 'updating' });
    const absences = await query('select from_ms, to_ms, cause from absences');
    expect(absences.map(({ from_ms, to_ms, cause }) => [Number(from_ms), Number(to_ms), cause])).toEqual([
      [beforeMs, server.clock.nowMs, 'clock'],
    ]);
    await pass(HOUR_S);
    expect(await line.assignments(mac)).toMatchObject([{ state: 'timed_out' }]);
  });

  test('ten years ahead and back: boards that were seen meanwhile are silent when they are', async () => {
    const [quiet, old, trying, late] = [line.newMac(), line.newMac(), line.newMac(), line.newMac()];
    for (const mac of [quiet, old]) await line.checkIn(mac, '1.0.0');
    await set(3_650 * DAY_S);
    for (const mac of [quiet, late]) await line.checkIn(mac, '1.0.0');
    await line.offer(trying, '1.0.0');
    await line.checkIn(trying, '1.1.0', ON_TRIAL);
    await pass(30);
    await set(-3_650 * DAY_S);
    await pass(MINUTE_S);
    expect(await query('select * from absences'), 'an absence that ends in ten years is none').toEqual([]);
    const { nowMs } = server.clock;
    for (const mac of [quiet, trying, late]) expect(await device(mac)).toMatchObject({ last_seen_at: now() });
    for (const mac of [trying, late]) expect(await device(mac)).toMatchObject({ first_seen_at: now() });
    expect(Date.parse((await device(old)).last_seen_at)).toBeLessThan(nowMs);

    await pass(MINUTE_S);
    await line.checkIn(quiet, '1.0.0');
    expect(await device(quiet)).toMatchObject({ last_seen_at: now() });
    await pass(SILENT_S);
    for (const mac of [trying, late, old]) expect(await device(mac)).toMatchObject({ status: 'silent' });
    expect(await device(quiet)).not.toMatchObject({ status: 'silent' });
    expect(await line.assignments(trying)).toMatchObject([{ state: 'timed_out' }]);
  });

  test('ten years ahead and back: a rollout that completed meanwhile is watched as long as every other', async () => {
    await set(3_650 * DAY_S);
    const { name: rollout } = await line.move('1.1.0', 'promote');
    await pass(30);
    await set(-3_650 * DAY_S);
    await pass(MINUTE_S);
    await pass(MINUTE_S);
    const { status, watched_until } = await server.admin('getRollout', { params: { name: rollout } });
    expect(status).toBe('complete');
    expect(Date.parse(watched_until ?? '')).toBeLessThanOrEqual(server.clock.nowMs + DAY_S * 1000);
    expect(Date.parse(watched_until ?? '')).toBeGreaterThan(server.clock.nowMs);
  });

  test('the same where the server is started again after the clock has come back', async () => {
    const mac = line.newMac();
    await set(3_650 * DAY_S);
    await line.checkIn(mac, '1.0.0');
    await server.stop();
    server.clock.advance(-3_650 * DAY_S);
    server = await startTestServer({ dialect, like: server, steadyClock: () => steadyMs });
    line.moveTo(server);
    await pass(5);
    await pass(MINUTE_S);
    await pass(SILENT_S + 1);
    expect(await device(mac)).toMatchObject({ status: 'silent' });
    expect(await query('select cause from absences')).toEqual([]);
  });

  test('back to 1970 for some seconds: what was seen and offered stays as it was', async () => {
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    const seen = await device(mac);
    const backS = server.clock.nowMs / 1000 - 5;
    await set(-backS);
    await pass(10);
    await set(backS);
    await pass(10);
    expect(await device(mac)).toMatchObject({ last_seen_at: seen.last_seen_at, status: 'updating' });
    await pass(SILENT_S + 10);
    expect(await device(mac)).toMatchObject({ status: 'silent' });
  });
});
