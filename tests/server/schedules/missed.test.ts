// Runs that were due while no server was running: the server is stopped, the clock moves, the server starts again.

import { afterEach, describe, expect, test } from 'vitest';
import type { NewSchedule } from '#protocol/admin/schedules.ts';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DUE_MS = Date.UTC(2026, 10, 24, 2);
const DAY_MS = 86_400_000;

describe.each(DIALECTS)('a missed run on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  afterEach(async () => server.end());

  /** A server with a draft and a schedule, down from before the run was due until `upAtMs`. */
  async function missRun(upAtMs: number, change: Partial<NewSchedule> = {}): Promise<void> {
    const first = await startTestServer({ dialect });
    line = new ProductLine(first);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    const rollout = line.rolloutName('1.1.0');
    const body = { name: 'nightly', cron: '0 2 * * *', action: 'start', rollout, ...change };
    await first.admin('createSchedule', { body });
    await first.stop();
    first.clock.nowMs = upAtMs;
    server = await startTestServer({ like: first });
    line.moveTo(server);
    // The start itself ticks; this waits for that.
    await server.tick();
  }

  const schedule = async () => (await server.admin('listSchedules')).items[0];
  const audit = async () =>
    (await server.admin('listAudit')).items
      .filter(({ actor }) => actor === 'schedule:nightly')
      .map(({ action }) => action);

  test('is done once at the next start within its grace, and says that it was late', async () => {
    await missRun(DUE_MS + 3_600_000);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    expect(await schedule()).toMatchObject({
      last_result: 'done (late: was due 2026-11-24T02:00:00.000Z)',
      next_run_at: new Date(DUE_MS + DAY_MS).toISOString(),
    });
    expect(await audit()).toEqual(['rollout.start']);
  });

  test('is left out after its grace, and shows as missed', async () => {
    await missRun(DUE_MS + 3_600_001);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    expect(await schedule()).toMatchObject({
      last_run_at: null,
      last_result: expect.stringMatching(/^missed: was due 2026-11-24T02:00:00.000Z/),
      next_run_at: new Date(DUE_MS + DAY_MS).toISOString(),
    });
    expect(await audit()).toEqual(['schedule.missed']);
  });

  test('with a longer grace is done later', async () => {
    await missRun(DUE_MS + 5 * 3_600_000, { grace_s: 6 * 3_600 });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
  });

  test('with policy skip is left out however little late it is', async () => {
    await missRun(DUE_MS + 61_000, { missed: 'skip' });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    expect(await audit()).toEqual(['schedule.missed']);
  });

  test('that is found within a minute is on time', async () => {
    await missRun(DUE_MS + 60_000, { missed: 'skip' });
    expect(await schedule()).toMatchObject({ last_result: 'done' });
  });

  test('of several counts once, the latest, which may be within its grace', async () => {
    await missRun(DUE_MS + 9 * DAY_MS + 1_800_000);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
    expect(await schedule()).toMatchObject({
      last_result: 'done (late: was due 2026-12-03T02:00:00.000Z)',
      next_run_at: new Date(DUE_MS + 10 * DAY_MS).toISOString(),
    });
    expect(await audit()).toEqual(['rollout.start']);
  });

  test('of years ago does not hold up the start', async () => {
    const years = DUE_MS + 5 * 365 * DAY_MS + 10 * 3_600_000;
    await missRun(years, { cron: '*/15 * * * *', grace_s: 604_800, missed: 'run_once' });
    expect(await audit()).toEqual(['rollout.start']);
  });

  test('is not caught up on when its server comes back to an enabled schedule that is not due', async () => {
    await missRun(DUE_MS - 1);
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft' });
    expect(await audit()).toEqual([]);
  });
});
