// How many devices ran which version, hour by hour: counted once an hour by one server, kept for two weeks, whatever the clock does and
// however often a server starts. Over real HTTPS on both databases.

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { HISTORY_HOURS, MAX_HISTORY_PRODUCTS, MAX_HISTORY_VERSIONS } from '#protocol/limits.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_S = 3_600;
const hourAt = (hours: number): string => new Date(START_MS + hours * HOUR_S * 1000).toISOString();

describe.each(BOTH)('the history of versions on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let steadyMs: number;
  beforeEach(async () => {
    steadyMs = 0;
    server = await startTestServer({ dialect, steadyClock: () => steadyMs });
    line = new ProductLine(server);
    return async () => server.end();
  });

  /** Time that really passes, and a tick after it. */
  async function pass(seconds: number): Promise<void> {
    steadyMs += seconds * 1000;
    server.clock.advance(seconds);
    await server.tick();
  }

  const history = async (hours?: number) =>
    server.admin('getProductHistory', {
      params: { name: line.product },
      ...(hours === undefined ? {} : { query: { hours: String(hours) } }),
    });

  async function storedRows(where = 'true'): Promise<number> {
    const raw = await openRaw(server);
    const [row] = await raw.query(`select count(*) as rows from version_hours where ${where}`);
    await raw.close();
    return Number(row?.['rows']);
  }

  test('counts once an hour, from the first board on, and leaves test boards out', async () => {
    expect(await history()).toEqual({
      product: line.product,
      from: hourAt(-23),
      next_at: hourAt(1),
      versions: [],
      hours: [],
      turns: [],
    });
    const [first] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    await server.tick();
    const bench = await line.newDevice('0.9.0');
    await server.admin('setCounted', { params: { device: bench }, body: { counted: 'no', reason: 'the bench' } });
    await pass(HOUR_S / 2);
    expect((await history()).hours, 'within the hour nothing is counted again').toEqual([
      { at: hourAt(0), devices: [2], others: 0 },
    ]);
    await line.checkIn(first, '1.1.0');
    await pass(HOUR_S / 2);
    await pass(2 * HOUR_S);
    const { versions, hours, next_at } = await history();
    expect(versions).toEqual(['1.0.0', '1.1.0']);
    expect(hours, 'an hour without a server is missing').toEqual([
      { at: hourAt(0), devices: [2, 0], others: 0 },
      { at: hourAt(1), devices: [1, 1], others: 0 },
      { at: hourAt(3), devices: [1, 1], others: 0 },
    ]);
    expect(next_at).toBe(hourAt(4));
    expect((await history(1)).hours).toHaveLength(1);
  });

  test('says what rollouts did meanwhile', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', ['pilot']);
    await pass(60);
    const name = line.rolloutName('1.1.0');
    await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: 'careful', name } });
    await line.move('1.1.0', 'start');
    await pass(HOUR_S);
    await line.rollBack(mac, '1.0.0', '1.1.0');
    await server.tick();
    const { turns } = await history();
    expect(turns.map(({ at, turn, rollout, version }) => [at, turn, rollout, version])).toEqual([
      [hourAt(60 / HOUR_S), 'started', name, '1.1.0'],
      [hourAt(60 / HOUR_S + 1), 'halted', name, '1.1.0'],
      [hourAt(60 / HOUR_S + 1), 'reverted', name, '1.1.0'],
    ]);
    await pass(25 * HOUR_S);
    expect((await history()).turns).toEqual([]);
    expect((await history(48)).turns).toHaveLength(3);
  });

  test('outlives a restart, and an hour is not counted twice', async () => {
    const mac = await line.newDevice('1.0.0');
    await server.tick();
    await line.checkIn(mac, '1.1.0');
    await server.stop();
    const again = await startTestServer({ like: server, steadyClock: () => steadyMs });
    onTestFinished(async () => again.stop());
    await again.tick();
    const { versions, hours } = await again.admin('getProductHistory', { params: { name: line.product } });
    expect([versions, hours]).toEqual([['1.0.0'], [{ at: hourAt(0), devices: [1], others: 0 }]]);
    again.clock.advance(HOUR_S);
    await again.tick();
    expect((await again.admin('getProductHistory', { params: { name: line.product } })).hours).toHaveLength(2);
  });

  test('keeps two weeks, and no clock makes it more', async () => {
    await line.newDevice('1.0.0');
    for (let hour = 0; hour < HISTORY_HOURS + 3; hour += 1) await pass(hour === 0 ? 0 : HOUR_S);
    expect(await storedRows()).toBe(HISTORY_HOURS);
    const { hours } = await history(HISTORY_HOURS);
    expect([hours.length, hours[0]?.at, hours.at(-1)?.at]).toEqual([HISTORY_HOURS, hourAt(3), hourAt(338)]);

    const rightMs = server.clock.nowMs;
    for (const wrongMs of [rightMs + 86_400_000, Date.UTC(2106, 1, 8), 1]) {
      server.clock.nowMs = wrongMs;
      await server.tick();
    }
    server.clock.nowMs = rightMs;
    await pass(HOUR_S);
    expect(await storedRows()).toBeLessThanOrEqual(HISTORY_HOURS);
    const after = (await history(HISTORY_HOURS)).hours;
    expect(after.at(-1)?.at).toBe(hourAt(339));
    expect(after.length, 'a wrong clock costs the hours whose place it took').toBeGreaterThanOrEqual(HISTORY_HOURS - 3);
    expect(after.every(({ at }) => Date.parse(at) <= server.clock.nowMs)).toBe(true);
  });

  test('names the versions that most devices run, and counts the rest of them together', async () => {
    for (let minor = 0; minor < MAX_HISTORY_VERSIONS + 3; minor += 1)
      for (let count = 0; count <= (minor < MAX_HISTORY_VERSIONS ? 1 : 0); count += 1)
        await line.newDevice(`1.${minor}.0`);
    // The server ticks by itself, too: it may have counted this hour before the last of them came.
    await pass(HOUR_S);
    const { versions, hours } = await history();
    expect(versions).toHaveLength(MAX_HISTORY_VERSIONS);
    expect(hours.slice(-1)).toEqual([{ at: hourAt(1), devices: Array.from(versions, () => 2), others: 3 }]);
    expect(versions).not.toContain(`1.${MAX_HISTORY_VERSIONS}.0`);
  });

  test('of many products keeps those with the most devices', async () => {
    await line.newDevice('1.0.0');
    await line.newDevice('1.0.0');
    for (let count = 0; count < MAX_HISTORY_PRODUCTS + 2; count += 1)
      await server.checkIn(line.newMac(), '1.0.0', { product: `one-${count}` });
    await pass(HOUR_S);
    expect(await storedRows('hour = (select max(hour) from version_hours)')).toBe(MAX_HISTORY_PRODUCTS);
    expect((await history()).hours.at(-1)?.at).toBe(hourAt(1));
  });

  test('refuses hours that it does not keep', async () => {
    for (const hours of ['0', '337', 'all', '-1'])
      expect(
        await server.tryAdmin('getProductHistory', { params: { name: line.product }, query: { hours } }),
      ).toMatchObject({
        status: 400,
        body: { error: { code: 'field_invalid', message: expect.stringContaining(hours) } },
      });
  });
});

test('of two servers on one PostgreSQL one counts', async () => {
  const left = await startTestServer({ dialect: 'postgres' });
  onTestFinished(async () => left.end());
  const right = await startTestServer({ like: left });
  onTestFinished(async () => right.stop());
  const line = new ProductLine(left);
  await line.newDevice('1.0.0');
  for (let hour = 0; hour < 5; hour += 1) {
    left.clock.advance(HOUR_S);
    await Promise.all([left.tick(), right.tick(), left.tick(), right.tick()]);
  }
  const { hours } = await right.admin('getProductHistory', { params: { name: line.product } });
  expect(hours.slice(-5).map(({ devices }) => devices)).toEqual(Array.from({ length: 5 }, () => [1]));
});
