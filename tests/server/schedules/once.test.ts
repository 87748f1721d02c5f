// Schedules for one instant: local times over clock changes, what is refused, that each runs once, over restarts and when the
// file is read again. Over the wire, on both databases; the clock is moved and ticks are driven by hand.

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe.each(DIALECTS)('a schedule for one time on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    for (const { name } of (await server.admin('listSchedules')).items)
      await server.admin('deleteSchedule', { params: { name } });
    server.clock.nowMs = START_MS;
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
  });
  afterAll(async () => server.end());

  const specOf = (change: Partial<NewSchedule>): NewSchedule => ({
    name: 'once',
    at: '2026-12-24T03:00',
    timezone: 'Europe/Berlin',
    action: 'start',
    rollout: line.rolloutName('1.1.0'),
    ...change,
  });
  const create = async (change: Partial<NewSchedule> = {}) => server.admin('createSchedule', { body: specOf(change) });
  const find = async () => (await server.admin('listSchedules')).items[0];
  const tickAt = async (instant: string): Promise<void> => {
    server.clock.nowMs = Date.parse(instant);
    await server.tick();
  };

  test('runs then, once, and is kept as done', async () => {
    expect(await create()).toMatchObject({
      at: '2026-12-24T03:00',
      cron: null,
      enabled: true,
      done_at: null,
      next_run_at: '2026-12-24T02:00:00.000Z',
    });
    await tickAt('2026-12-24T01:59:59.999Z');
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    await tickAt('2026-12-24T02:00:00Z');
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    const done = {
      enabled: false,
      done_at: '2026-12-24T02:00:00.000Z',
      last_run_at: '2026-12-24T02:00:00.000Z',
      last_result: 'done',
      next_run_at: null,
    };
    expect(await find()).toMatchObject(done);
    await line.move('1.1.0', 'abort');
    await tickAt('2027-12-24T02:00:00Z');
    expect(await find()).toMatchObject(done);
    expect(
      await server.tryAdmin('setScheduleEnabled', { params: { name: 'once' }, body: { enabled: true } }),
    ).toMatchObject({ status: 409, body: { error: { code: 'invalid_transition' } } });
    const { items } = await server.admin('listAudit', { query: { action: 'rollout.start' } });
    expect(items.filter(({ actor }) => actor === 'schedule:once')).toHaveLength(1);
  });

  test.each([
    ['2027-03-28T02:30', 'Europe/Berlin', '2027-03-28T01:00:00.000Z', 'skipped: when the clock has moved on'],
    ['2027-03-28T03:00', 'Europe/Berlin', '2027-03-28T01:00:00.000Z', 'right after the change'],
    ['2027-10-31T02:30', 'Europe/Berlin', '2027-10-31T00:30:00.000Z', 'twice: the first'],
    ['2027-03-14T02:00', 'America/New_York', '2027-03-14T07:00:00.000Z', 'skipped, in the west'],
    ['2026-12-24T03:00:30', 'Asia/Kolkata', '2026-12-23T21:30:30.000Z', 'with seconds'],
    ['2026-12-24T03:00', 'UTC', '2026-12-24T03:00:00.000Z', 'UTC'],
    ['2026-12-24T03:00Z', 'Europe/Berlin', '2026-12-24T03:00:00.000Z', 'an instant'],
    ['2026-12-24T03:00:00+05:30', 'Europe/Berlin', '2026-12-23T21:30:00.000Z', 'an instant with an offset'],
  ])('at %s in %s runs at %s: %s', async (at, timezone, instant, _why) => {
    expect(await create({ at, timezone })).toMatchObject({ next_run_at: instant });
    server.clock.nowMs = Date.parse(instant) - 1;
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    await tickAt(instant);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    // An hour later the clock may show the same time once more.
    await tickAt(new Date(Date.parse(instant) + HOUR_MS).toISOString());
    const { items } = await server.admin('listAudit', { query: { subject: line.rolloutName('1.1.0') } });
    expect(items.filter(({ actor }) => actor === 'schedule:once')).toHaveLength(1);
  });

  test.each([
    [{ at: '2026-11-23T10:59' }, /at: 2026-11-23T10:59 \(Europe\/Berlin\) is over/],
    [{ at: '2026-02-30T03:00' }, /at: "2026-02-30T03:00" is no time/],
    [{ at: '2026-12-24' }, /at: "2026-12-24" is no time/],
    [{ at: '24.12.2026 3:00' }, /is no time/],
    [{ at: '2026-12-24T24:00' }, /is no time/],
    [{ at: '2026-12-24T03:00+25:00' }, /is no time/],
    [{ cron: '0 3 * * *' }, /cron and at/],
    [{ at: undefined }, /cron or at/],
    [{ action: 'window', rollout: undefined, duration_s: 3600 }, /a window has no at/],
  ] as const)('with %j is refused: %s', async (change, message) => {
    const { status, body } = await server.tryAdmin('createSchedule', { body: { ...specOf({}), ...change } });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { error: { code: 'field_invalid', message: expect.stringMatching(message) } },
    });
    expect(await find()).toBeUndefined();
  });

  test('that is refused when it runs is done too, and says why', async () => {
    await create({ rollout: 'nowhere' });
    await tickAt('2026-12-24T02:00:00Z');
    expect(await find()).toMatchObject({
      enabled: false,
      done_at: '2026-12-24T02:00:00.000Z',
      last_result: 'refused: there is no rollout nowhere',
    });
  });

  test('that is switched off while its time passes does not catch up', async () => {
    await create({ enabled: false });
    await tickAt('2026-12-24T02:00:00Z');
    expect(await find()).toMatchObject({ enabled: false, done_at: null });
    const enabled = await server.tryAdmin('setScheduleEnabled', { params: { name: 'once' }, body: { enabled: true } });
    expect(enabled).toMatchObject({ status: 409, body: { error: { message: expect.stringMatching(/is over/) } } });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
  });

  test('that promotes stays pending until the gate passes', async () => {
    const gate = { min_confirmed: 1, max_failed: 0 };
    const pilot = { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'manual', gate } as const;
    const all = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' } as const;
    await server.admin('setPlan', { params: { name: 'gated' }, body: { stages: [pilot, all] } });
    const mac = await line.newDevice('1.0.0', ['pilot']);
    server.clock.advance(60);
    const { name } = await server.admin('createRollout', {
      body: { version: '1.1.0', product: line.product, plan: 'gated' },
    });
    await server.admin('startRollout', { params: { name }, body: {} });
    await create({ action: 'promote', rollout: name });
    await tickAt('2026-12-24T02:00:00Z');
    expect(await find()).toMatchObject({ enabled: true, done_at: null, pending_since: '2026-12-24T02:00:00.000Z' });
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
    await tickAt('2026-12-24T02:00:05Z');
    expect(await server.admin('getRollout', { params: { name } })).toMatchObject({ stage: 'all' });
    expect(await find()).toMatchObject({ enabled: false, pending_since: null });
  });
});

describe.each(DIALECTS)('a schedule for one time of the file on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
  });
  afterEach(async () => server.end());

  const find = async () => (await server.admin('listSchedules')).items[0];
  const soon = async (change: Partial<Schedule>): Promise<void> =>
    vi.waitFor(async () => expect(await find()).toMatchObject(change), { timeout: 15_000, interval: 200 });
  const put = async (at: string, more = ''): Promise<void> => {
    const file = join(server.home, 'config/schedules.yaml');
    const row = `{name: once, at: ${at}, timezone: Europe/Berlin, action: start, rollout: ${line.rolloutName('1.1.0')}${more}}`;
    await writeFile(`${file}.new`, `schedules:\n  - ${row}\n`);
    await rename(`${file}.new`, file);
  };
  const starts = async (): Promise<number> =>
    (await server.admin('listAudit', { query: { limit: '100' } })).items.filter(
      ({ actor, action }) => actor === 'schedule:once' && action !== 'schedule.missed',
    ).length;
  const restart = async (nowMs: number): Promise<void> => {
    await server.stop();
    server.clock.nowMs = nowMs;
    server = await startTestServer({ like: server });
    line.moveTo(server);
    // The start itself ticks; this waits for that.
    await server.tick();
  };
  const DUE_MS = Date.UTC(2026, 11, 24, 2);

  test('runs once, also when the file is read or edited again, and after a restart', async () => {
    await put('2026-12-24T03:00');
    await soon({ at: '2026-12-24T03:00', next_run_at: '2026-12-24T02:00:00.000Z', source: 'file' });
    server.clock.nowMs = DUE_MS;
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    server.clock.advance(30);
    await put('2026-12-24T03:00', ', grace: 2h');
    await soon({ grace_s: 7200, enabled: false, next_run_at: null });
    expect(await find()).toMatchObject({ done_at: '2026-12-24T02:00:00.000Z', last_result: 'done' });
    await restart(DUE_MS + 60_000);
    await restart(DUE_MS + DAY_MS);
    expect(await starts()).toBe(1);
    await put('2026-12-26T03:00');
    await soon({ enabled: true, next_run_at: '2026-12-26T02:00:00.000Z', done_at: null });
  });

  test('that no server was there for is done late within its grace', async () => {
    await put('2026-12-24T03:00');
    await soon({ next_run_at: '2026-12-24T02:00:00.000Z' });
    await restart(DUE_MS + HOUR_MS);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    expect(await find()).toMatchObject({
      last_result: 'done (late: was due 2026-12-24T02:00:00.000Z)',
      enabled: false,
    });
  });

  test('that no server was there for is left out after its grace, for good', async () => {
    await put('2026-12-24T03:00');
    await soon({ next_run_at: '2026-12-24T02:00:00.000Z' });
    await restart(DUE_MS + HOUR_MS + 1);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    expect(await find()).toMatchObject({
      enabled: false,
      last_result: expect.stringMatching(/^missed: was due 2026-12-24T02:00:00.000Z/),
    });
    await restart(DUE_MS + 2 * HOUR_MS);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
  });

  test('whose time is over when it is first read does not run, and says so; the rest of the file is taken in', async () => {
    await put('2026-11-20T03:00', `}\n  - {name: other, cron: "0 3 * * *", action: start, rollout: r`);
    await soon({ name: 'once', enabled: false, last_result: expect.stringMatching(/^missed: .* is over/) });
    expect((await server.admin('listSchedules')).items).toHaveLength(2);
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
  });
});
