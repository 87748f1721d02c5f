// Schedules that promote: each means one stage, waits for its gate and never passes it, and ends with its stage. Over the
// wire, on both databases; the clock is moved and ticks are driven by hand.

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_MS = 86_400_000;
const PLANS = `plans:
  - name: gated
    stages:
      - {name: pilot, label: pilot, gate: {min_confirmed: 2, max_failed: 1}}
      - {name: some, label: general, percentage: 50%, gate: {min_confirmed: 50, max_failed: 0}}
      - {name: all, label: general}
  - name: free
    stages:
      - {name: first, label: pilot}
      - {name: second, label: shop}
      - {name: third, label: general}
`;

describe.each(DIALECTS)('a schedule that promotes on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let pilots: readonly string[];
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    for (const schedule of (await server.admin('listSchedules')).items)
      if (schedule.source === 'api') await server.admin('deleteSchedule', { params: { name: schedule.name } });
    line = new ProductLine(server);
    // 10:00 UTC of the next day, so that each test has the same hours before it.
    server.clock.nowMs = (Math.floor(server.clock.nowMs / DAY_MS) + 1) * DAY_MS + 10 * 3_600_000;
    await line.add('1.1.0');
    pilots = [await line.newDevice('1.0.0', ['pilot']), await line.newDevice('1.0.0', ['pilot'])];
  });
  afterAll(async () => server.end());

  const draft = async (plan: string): Promise<void> => {
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
  };
  const start = async (): Promise<void> => void (await server.admin('startRollout', { params: { name }, body: {} }));
  const begin = async (plan: string): Promise<void> => {
    await draft(plan);
    await start();
  };
  const specOf = (change: Partial<NewSchedule> = {}): NewSchedule => ({
    name: 'go-on',
    cron: '0 12 * * *',
    action: 'promote',
    rollout: name,
    ...change,
  });
  const create = async (change: Partial<NewSchedule> = {}) => server.admin('createSchedule', { body: specOf(change) });
  const find = async (): Promise<Schedule> => {
    const found = (await server.admin('listSchedules')).items.find((schedule) => schedule.name === 'go-on');
    if (found === undefined) throw new Error('the schedule is gone');
    return found;
  };
  const rollout = async (): Promise<Rollout> => server.admin('getRollout', { params: { name } });
  const tickAt = async (nowMs: number): Promise<void> => {
    server.clock.nowMs = nowMs;
    await server.tick();
  };
  /** Noon of the day that began so many days ago or later. */
  const noon = (day = 0): number => Math.floor(server.clock.nowMs / DAY_MS) * DAY_MS + day * DAY_MS + 12 * 3_600_000;
  const update = async (mac: string): Promise<void> => line.update(mac, '1.0.0', '1.1.0');
  const rollBack = async (mac: string): Promise<void> => line.rollBack(mac, '1.0.0', '1.1.0');
  const auditOf = async (actor: string) =>
    (await server.admin('listAudit', { query: { limit: '100' } })).items.filter((entry) => entry.actor === actor);

  test('means the stage that is open when it is made, and ends with it', async () => {
    await begin('free');
    expect(await create()).toMatchObject({ from: 'first', enabled: true, done_at: null, pending_since: null });
    await tickAt(noon());
    expect(await rollout()).toMatchObject({ stage: 'second' });
    expect(await find()).toMatchObject({
      enabled: false,
      done_at: new Date(server.clock.nowMs).toISOString(),
      next_run_at: null,
      last_result: 'done: stage first is promoted',
    });
    for (const day of [1, 7]) await tickAt(noon(day));
    expect(await rollout(), 'a cron line that comes again promotes nothing further').toMatchObject({ stage: 'second' });
  });

  test('of a draft means its first stage, and is refused until it is open', async () => {
    await draft('free');
    expect(await create()).toMatchObject({ from: 'first' });
    await tickAt(noon());
    expect(await find()).toMatchObject({ enabled: true, last_result: expect.stringMatching(/^refused: .*draft/) });
    await start();
    await server.tick();
    expect(await rollout(), 'the start is no moment for it').toMatchObject({ stage: 'first' });
    await tickAt(noon(1));
    expect(await rollout()).toMatchObject({ stage: 'second' });
  });

  test('of a rollout that comes later means its first stage', async () => {
    name = `${line.product}-1.1.0-free`;
    expect(await create({ rollout: name })).toMatchObject({ from: null });
    await begin('free');
    await server.admin('promoteRollout', { params: { name }, body: { from: 'first' } });
    await tickAt(noon());
    expect(await rollout()).toMatchObject({ stage: 'second' });
    expect(await find()).toMatchObject({ enabled: false });
  });

  test('of a later stage waits for that one, and refuses the one before', async () => {
    await begin('free');
    expect(await create({ from: 'second' })).toMatchObject({ from: 'second' });
    await tickAt(noon());
    expect(await rollout()).toMatchObject({ stage: 'first' });
    expect(await find()).toMatchObject({
      last_result: `refused: rollout ${name} is at stage first, not at second`,
      enabled: true,
    });
    await server.admin('promoteRollout', { params: { name }, body: { from: 'first' } });
    await server.tick();
    expect(await rollout(), 'not before its next time').toMatchObject({ stage: 'second' });
    await tickAt(noon(1));
    expect(await rollout()).toMatchObject({ stage: 'third' });
  });

  test('is done as soon as somebody else has promoted its stage, or the rollout has ended', async () => {
    await begin('free');
    await create();
    await create({ name: 'later', from: 'third' });
    await server.admin('promoteRollout', { params: { name }, body: { from: 'first' } });
    expect(await find()).toMatchObject({ enabled: false, last_result: 'done: stage first is promoted' });
    const later = async () => (await server.admin('listSchedules')).items.find((one) => one.name === 'later');
    expect(await later()).toMatchObject({ enabled: true, done_at: null });
    await server.admin('abortRollout', { params: { name }, body: {} });
    expect(await later()).toMatchObject({ enabled: false, last_result: `done: rollout ${name} is aborted` });
  });

  test('that is done is not switched on again, and says what to do', async () => {
    await begin('free');
    await create();
    await server.admin('promoteRollout', { params: { name }, body: { from: 'first' } });
    const enabled = await server.tryAdmin('setScheduleEnabled', { params: { name: 'go-on' }, body: { enabled: true } });
    expect(enabled).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'invalid_transition',
          message: expect.stringContaining('stage first is promoted'),
          hint: expect.stringContaining('otter schedule add'),
        },
      },
    });
  });

  test('is pending while the gate has not passed, and promotes when it passes', async () => {
    await begin('gated');
    await create();
    server.clock.nowMs = noon() - 1_000;
    await update(pilots[0] ?? '');
    await tickAt(noon());
    const dueMs = server.clock.nowMs;
    expect(await rollout()).toMatchObject({ stage: 'pilot' });
    expect(await find()).toMatchObject({
      enabled: true,
      pending_since: new Date(dueMs).toISOString(),
      last_result: expect.stringMatching(/^pending: 1 of 2 healthy/),
      next_run_at: new Date(dueMs + DAY_MS).toISOString(),
    });
    expect((await server.admin('getStatus')).warnings).toEqual([
      expect.stringMatching(/^schedule go-on is pending since .*: the gate of stage pilot .* 1 of 2 healthy/),
    ]);
    expect((await auditOf('schedule:go-on'))[0]).toMatchObject({ action: 'schedule.pending' });
    await tickAt(dueMs + 5_000);
    expect(await rollout()).toMatchObject({ stage: 'pilot' });
    await update(pilots[1] ?? '');
    await tickAt(dueMs + 10_000);
    expect(await rollout()).toMatchObject({ stage: 'some' });
    expect(await find()).toMatchObject({
      enabled: false,
      pending_since: null,
      last_result: 'done: stage pilot is promoted',
    });
    expect((await auditOf('schedule:go-on')).slice(0, 2)).toMatchObject([
      { action: 'rollout.promote', details: { gate: { state: 'passed', gateCounts: { healthy: 2 } } } },
      { action: 'schedule.pending', details: { gate: { state: 'waiting', gateCounts: { healthy: 1 } } } },
    ]);
    expect((await server.admin('getStatus')).warnings).toEqual([]);
    await tickAt(dueMs + DAY_MS);
    expect(await rollout()).toMatchObject({ stage: 'some' });
  });

  test('shows what its gate says now, not what it said when it was due', async () => {
    await begin('gated');
    await create();
    await tickAt(noon());
    expect(await find()).toMatchObject({ last_result: expect.stringMatching(/^pending: 0 of 2 healthy/) });
    await update(pilots[0] ?? '');
    expect(await find()).toMatchObject({ last_result: expect.stringMatching(/^pending: 1 of 2 healthy/) });
  });

  test('that is still pending at its next time goes on being pending, since the first', async () => {
    await begin('gated');
    await create();
    await tickAt(noon());
    const { pending_since } = await find();
    await tickAt(noon(1));
    expect(await find()).toMatchObject({ pending_since, last_result: expect.stringMatching(/^pending: /) });
    for (const mac of pilots) await update(mac);
    await server.tick();
    expect(await rollout()).toMatchObject({ stage: 'some' });
  });

  test('is not pending any more where its next run was missed', async () => {
    await begin('gated');
    await create({ missed: 'skip' });
    await tickAt(noon());
    await tickAt(noon(1) + 7_200_000);
    expect(await find()).toMatchObject({ pending_since: null, last_result: expect.stringMatching(/^missed: /) });
    for (const mac of pilots) await update(mac);
    await server.tick();
    expect(await rollout()).toMatchObject({ stage: 'pilot' });
  });

  test('that is pending does nothing while the rollout is paused or halted, and nothing once it is switched off', async () => {
    await begin('gated');
    await create();
    server.clock.nowMs = noon() - 1_000;
    await update(pilots[0] ?? '');
    await tickAt(noon());
    await server.admin('pauseRollout', { params: { name }, body: {} });
    await server.tick();
    expect(await find()).toMatchObject({ last_result: `pending: rollout ${name} is paused` });
    await server.admin('resumeRollout', { params: { name }, body: {} });
    await server.admin('setScheduleEnabled', { params: { name: 'go-on' }, body: { enabled: false } });
    expect(await find()).toMatchObject({ enabled: false, pending_since: null });
    await update(pilots[1] ?? '');
    await server.tick();
    expect(await rollout()).toMatchObject({ stage: 'pilot', status: 'running' });
  });

  test('never passes a gate that fails', async () => {
    await begin('gated');
    await create();
    await tickAt(noon());
    for (const mac of pilots) await rollBack(mac);
    await server.tick();
    await tickAt(noon(1));
    expect(await rollout()).toMatchObject({ status: 'halted', stage: 'pilot' });
  });

  test('run by hand is refused while the gate has not passed, and is done when it has', async () => {
    await begin('gated');
    await create();
    const run = async () => server.tryAdmin('runSchedule', { params: { name: 'go-on' } });
    expect(await run()).toMatchObject({ status: 409, body: { error: { code: 'gate_not_passed' } } });
    for (const mac of pilots) await update(mac);
    expect(await run()).toMatchObject({ status: 200, body: { enabled: false, last_result: 'done by hand' } });
    expect(await rollout()).toMatchObject({ stage: 'some' });
    expect(await run()).toMatchObject({ status: 409, body: { error: { code: 'stage_moved' } } });
  });

  test.each([
    [{ action: 'start', from: 'first' }, /^from: action start has none/],
    [{ from: 'pilto' }, /^from: rollout .* has no stage pilto/],
  ] as const)('with %j is refused', async (change, message) => {
    await begin('free');
    expect(await server.tryAdmin('createSchedule', { body: specOf(change) })).toMatchObject({
      status: 400,
      body: { error: { code: 'field_invalid', message: expect.stringMatching(message) } },
    });
  });

  test('of the file keeps its stage when the file is read again', async () => {
    await begin('free');
    const file = join(server.home, 'config/schedules.yaml');
    const put = async (cron: string, more = ''): Promise<void> => {
      const text = `schedules:\n  - {name: go-on, cron: "${cron}", action: promote, rollout: ${name}${more}}\n`;
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    const soon = async (change: Partial<Schedule>): Promise<void> =>
      vi.waitFor(async () => expect(await find()).toMatchObject(change), { timeout: 15_000, interval: 200 });
    await put('0 12 * * *');
    await soon({ source: 'file', from: 'first' });
    await tickAt(noon());
    expect(await rollout()).toMatchObject({ stage: 'second' });
    await put('0 13 * * *');
    await soon({ cron: '0 13 * * *', from: 'first' });
    await tickAt(noon(1));
    await tickAt(noon(2));
    expect(await rollout(), 'an edit does not turn it to the next stage').toMatchObject({ stage: 'second' });
    await put('0 13 * * *', ', from: second');
    await soon({ from: 'second', enabled: true });
    await tickAt(noon() + 3_600_000);
    expect(await rollout()).toMatchObject({ stage: 'third' });
    await writeFile(file, 'schedules: []\n');
    await vi.waitUntil(async () => (await server.admin('listSchedules')).items.length === 0, { timeout: 15_000 });
  });
});

test('two servers that see a pending promotion pass at once promote once', async () => {
  const first = await startTestServer({ dialect: 'postgres', plans: PLANS });
  await first.stop();
  const left = await startTestServer({ like: first });
  const right = await startTestServer({ like: first });
  const line = new ProductLine(left);
  await line.add('1.1.0');
  const pilots = [await line.newDevice('1.0.0', ['pilot']), await line.newDevice('1.0.0', ['pilot'])];
  const body = { version: '1.1.0', product: line.product, plan: 'gated' };
  const { name } = await left.admin('createRollout', { body });
  await left.admin('startRollout', { params: { name }, body: {} });
  await left.admin('createSchedule', { body: { name: 'go-on', cron: '0 12 * * *', action: 'promote', rollout: name } });
  left.clock.nowMs = Math.floor(left.clock.nowMs / DAY_MS) * DAY_MS + 12 * 3_600_000;
  const tickAll = async () => Promise.all([left, right, left, right].map(async (server) => server.tick()));
  await tickAll();
  for (const mac of pilots) {
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
  }
  await tickAll();
  expect(await right.admin('getRollout', { params: { name } })).toMatchObject({ status: 'running', stage: 'some' });
  const { items } = await left.admin('listAudit', { query: { action: 'rollout.promote' } });
  expect(items).toHaveLength(1);
  await right.stop();
  await left.end();
});
