// Schedules made through the API, over real HTTPS on both databases; the clock is moved and ticks are driven by hand.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewSchedule } from '#protocol/admin/schedules.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a schedule on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
    await nextMorning();
  });
  afterAll(async () => server.end());

  /** 10:00 UTC of the next day, so that each test has the same hours before it. */
  async function nextMorning(): Promise<void> {
    for (const { name } of (await server.admin('listSchedules')).items)
      await server.admin('deleteSchedule', { params: { name } });
    server.clock.nowMs = (Math.floor(server.clock.nowMs / 86_400_000) + 1) * 86_400_000 + 10 * 3_600_000;
  }

  const create = async (change: Partial<NewSchedule> = {}) => server.admin('createSchedule', { body: specOf(change) });
  const tryCreate = async (change: Readonly<Record<string, unknown>>) =>
    server.tryAdmin('createSchedule', { body: { ...specOf({}), ...change } });
  const specOf = (change: Partial<NewSchedule>): NewSchedule => ({
    name: 'nightly',
    cron: '0 2 * * *',
    action: 'start',
    rollout: line.rolloutName('1.1.0'),
    ...change,
  });
  const find = async (name = 'nightly') =>
    (await server.admin('listSchedules')).items.find((schedule) => schedule.name === name);
  /** `hours` after the midnight (UTC) that comes next. */
  const atHour = (hours: number): number =>
    (Math.floor(server.clock.nowMs / 86_400_000) + 1) * 86_400_000 + hours * 3_600_000;
  const iso = (ms: number): string => new Date(ms).toISOString();

  test.each([
    ['UTC', 2],
    ['Europe/Berlin', 1],
    ['America/New_York', 7],
    ['Asia/Kolkata', -3.5],
  ])('at 2 in the morning of %s runs at that hour there', async (timezone, hours) => {
    const { next_run_at } = await create({ timezone });
    expect(next_run_at).toBe(iso(atHour(hours)));
  });

  test('starts its rollout when it is due, not before, and only once', async () => {
    await line.rollOut('1.1.0', 'draft');
    await create();
    const dueMs = atHour(2);
    server.clock.nowMs = dueMs - 1;
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    server.clock.nowMs = dueMs;
    await server.tick();
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running', stage: 'pilot', started_at: iso(dueMs) });
    expect(await find()).toMatchObject({
      last_run_at: iso(dueMs),
      last_result: 'done',
      next_run_at: iso(dueMs + 86_400_000),
    });
    const { items } = await server.admin('listAudit', { query: { subject: line.rolloutName('1.1.0') } });
    expect(items[0]).toMatchObject({ action: 'rollout.start', actor: 'schedule:nightly' });
    expect(items).toHaveLength(2);
  });

  test('says what comes in the next two weeks, also of one that is not made', async () => {
    await create({ timezone: 'Europe/Berlin', cron: '0 3 * * 2' });
    await create({ name: 'off', enabled: false });
    await create({ name: 'hours', action: 'window', cron: '0 9 * * *', duration_s: 7_200, rollout: undefined });
    const { items } = await server.admin('getScheduleRuns');
    const open = items[0];
    // 10:00: the window is open.
    expect(open).toEqual({ schedule: 'hours', at: iso(atHour(-15)), until: iso(atHour(-13)) });
    expect(items.filter(({ schedule }) => schedule === 'hours')).toHaveLength(15);
    const tuesdays = items.filter(({ schedule }) => schedule === 'nightly');
    expect(tuesdays).toHaveLength(2);
    for (const { at, until } of tuesdays) expect([new Date(at).getUTCDay(), until]).toEqual([2, null]);
    expect(items.map(({ at }) => at)).toEqual(items.map(({ at }) => at).toSorted());
    const often = await server.admin('previewSchedule', { query: { cron: '*/15 * * * *' } });
    expect(often.items).toHaveLength(100);
    const window = { cron: '0 9 * * *', timezone: 'UTC', duration_s: '7200' };
    expect((await server.admin('previewSchedule', { query: window })).items[0]).toMatchObject({ until: open?.until });
    const once = { at: '2099-12-24T03:00', timezone: 'Europe/Berlin' };
    expect((await server.admin('previewSchedule', { query: once })).items).toEqual([]);
    for (const [query, code] of [
      [{ cron: '0 3 * *' }, 'cron_invalid'],
      [{ cron: '* * * * *' }, 'cron_too_often'],
      [{ cron: '0 3 * * *', timezone: 'Berlin' }, 'timezone_unknown'],
      [{ at: '2020-12-24T03:00' }, 'field_invalid'],
      [{}, 'field_invalid'],
    ] as const)
      expect(await server.tryAdmin('previewSchedule', { query })).toMatchObject({
        status: 400,
        body: { error: { code } },
      });
    expect((await server.admin('listSchedules')).items).toHaveLength(3);
  });

  test('takes another in its place, keeps what it did and whether it is on, and refuses one that cannot be', async () => {
    await line.rollOut('1.1.0', 'draft');
    await create();
    server.clock.nowMs = atHour(2);
    await server.tick();
    await server.admin('setScheduleEnabled', { params: { name: 'nightly' }, body: { enabled: false } });
    const { name: _, ...pause } = specOf({ action: 'pause', cron: '30 4 * * *' });
    const change = async (body: object) => server.tryAdmin('changeSchedule', { params: { name: 'nightly' }, body });
    expect(await change(pause)).toMatchObject({ status: 200, body: { enabled: false, last_result: 'done' } });
    expect(await change({ ...pause, enabled: true })).toMatchObject({
      body: { action: 'pause', enabled: true, next_run_at: iso(server.clock.nowMs + 2.5 * 3_600_000) },
    });
    const before = await find();
    expect(await change({ ...pause, cron: '* * * * *' })).toMatchObject({
      status: 400,
      body: { error: { code: 'cron_too_often' } },
    });
    expect(await find()).toEqual(before);
    expect(await server.tryAdmin('changeSchedule', { params: { name: 'nobody' }, body: pause })).toMatchObject({
      status: 404,
    });
    const { items } = await server.admin('listAudit', { query: { action: 'schedule.change' } });
    expect(items.filter(({ subject }) => subject === 'nightly')).toHaveLength(2);
  });

  test('promotes, pauses and resumes as it says', async () => {
    await line.rollOut('1.1.0', 'pilot');
    await create({ name: 'go-on', action: 'promote', cron: '0 2 * * *' });
    await create({ name: 'stop', action: 'pause', cron: '0 3 * * *' });
    await create({ name: 'go', action: 'resume', cron: '0 4 * * *' });
    const hours = [atHour(2), atHour(3), atHour(4)];
    const seen = [];
    for (const dueMs of hours) {
      server.clock.nowMs = dueMs;
      await server.tick();
      const { status, stage } = await line.rollout('1.1.0');
      seen.push(`${status} ${stage ?? ''}`);
    }
    expect(seen).toEqual(['running expand', 'paused expand', 'running expand']);
  });

  test('starts with the pilot label that it names', async () => {
    const mac = await line.newDevice('1.0.0', ['lab']);
    await line.rollOut('1.1.0', 'draft');
    await create({ label: 'lab' });
    server.clock.nowMs = atHour(2);
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ pilot_label: 'lab', target_label: 'lab' });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'not_in_stage' });
  });

  test('is refused as a person would be, says so, and tries again at its next time', async () => {
    const name = { params: { version: '1.1.0' }, query: { product: line.product } };
    await server.admin('setPilotReady', { ...name, body: { ready: false } });
    await line.rollOut('1.1.0', 'draft');
    await create();
    server.clock.nowMs = atHour(2);
    await server.tick();
    expect(await find()).toMatchObject({ last_result: expect.stringMatching(/^refused: .* not marked pilot ready/) });
    const { items } = await server.admin('listAudit', { query: { action: 'schedule.refused' } });
    expect(items[0]).toMatchObject({ actor: 'schedule:nightly', details: { code: 'not_pilot_ready' } });
    await server.admin('setPilotReady', { ...name, body: {} });
    server.clock.advance(86_400);
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
  });

  test('for a rollout that does not exist yet is allowed, and refused when it runs', async () => {
    await create({ rollout: 'next-year' });
    server.clock.nowMs = atHour(2);
    await server.tick();
    expect(await find()).toMatchObject({ last_result: 'refused: there is no rollout next-year' });
  });

  test('that is disabled does not run, and does not catch up when it is enabled', async () => {
    await line.rollOut('1.1.0', 'draft');
    await create();
    const enable = async (enabled: boolean) =>
      server.admin('setScheduleEnabled', { params: { name: 'nightly' }, body: { enabled } });
    expect(await enable(false)).toMatchObject({ enabled: false, next_run_at: null });
    server.clock.nowMs = atHour(2);
    await server.tick();
    server.clock.advance(60);
    expect(await enable(true)).toMatchObject({ next_run_at: iso(atHour(2)) });
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
  });

  test('runs by hand at any time, in the name of the operator', async () => {
    await line.rollOut('1.1.0', 'draft');
    await create({ enabled: false });
    const run = async () => server.tryAdmin('runSchedule', { params: { name: 'nightly' } });
    expect(await run()).toMatchObject({ status: 200, body: { last_result: 'done by hand', next_run_at: null } });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    expect(await run()).toMatchObject({ status: 409, body: { error: { code: 'invalid_transition' } } });
    await create({ name: 'window', action: 'window', duration_s: 3600 });
    expect(await server.tryAdmin('runSchedule', { params: { name: 'window' } })).toMatchObject({ status: 400 });
  });

  test.each([
    [{ cron: '0 2 * *' }, 'cron_invalid'],
    [{ cron: '61 2 * * *' }, 'cron_invalid'],
    [{ cron: '0 0 30 2 *' }, 'cron_invalid'],
    [{ cron: '* * * * *' }, 'cron_too_often'],
    [{ cron: '0,5 * * * *' }, 'cron_too_often'],
    [{ timezone: 'Europe/Berlinn' }, 'timezone_unknown'],
    [{ timezone: '+02:00' }, 'timezone_unknown'],
    [{ rollout: undefined }, 'field_invalid'],
    [{ duration_s: 3600 }, 'field_invalid'],
    [{ action: 'window' }, 'field_invalid'],
    [{ action: 'window', duration_s: 59 }, 'field_invalid'],
    [{ action: 'restart' }, 'field_invalid'],
    [{ action: 'promote', label: 'lab' }, 'field_invalid'],
    [{ missed: 'always' }, 'field_invalid'],
    [{ grace_s: -1 }, 'field_invalid'],
    [{ label: 'general' }, 'name_reserved'],
    [{ action: 'window', duration_s: 3600, label: 'general' }, 'name_reserved'],
  ])('with %j is refused: %s', async (change, code) => {
    const { status, body } = await tryCreate(change);
    expect({ status, body }).toMatchObject({ status: code === 'name_reserved' ? 409 : 400, body: { error: { code } } });
    expect(await find()).toBeUndefined();
  });

  test('has a name of its own, and is gone when it is deleted', async () => {
    await create();
    expect(await tryCreate({})).toMatchObject({ status: 409, body: { error: { code: 'name_taken' } } });
    await server.admin('deleteSchedule', { params: { name: 'nightly' } });
    for (const route of ['deleteSchedule', 'runSchedule'] as const)
      expect(await server.tryAdmin(route, { params: { name: 'nightly' } })).toMatchObject({
        status: 404,
        body: { error: { code: 'schedule_unknown' } },
      });
  });
});
