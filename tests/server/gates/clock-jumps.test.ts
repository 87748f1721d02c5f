// The clock of a running server is set while no time passes: by an hour, by a day, to 1970, over 2^31 and over 2^32 seconds.
// Nothing breaks, no stage opens before its gate has passed, no schedule runs twice, and no board is lost.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isOpenState } from '#engine/assignment/assignment.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS, sizeOf } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ALL_JUMPS = [
  ['an hour ahead', START_MS + HOUR_MS],
  ['a day ahead', START_MS + DAY_MS],
  ['to 2038-01-19, over 2^31 seconds', 2 ** 31 * 1000 + 1],
  ['to 2106-02-07, over 2^32 seconds', 2 ** 32 * 1000 + 1],
  ['an hour back', START_MS - HOUR_MS],
  ['a day back', START_MS - DAY_MS],
  ['to 1970', 1],
] as const;

/** On a push one jump of each kind. */
const ON_PUSH = new Set<string>(['a day ahead', 'to 2106-02-07, over 2^32 seconds', 'a day back', 'to 1970']);
const JUMPS = sizeOf<readonly (typeof ALL_JUMPS)[number][]>({
  push: ALL_JUMPS.filter(([what]) => ON_PUSH.has(what)),
  whole: ALL_JUMPS,
});

describe.each(DIALECTS)('on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  let pilots: string[];
  let steadyMs: number;

  beforeEach(async () => {
    steadyMs = 0;
    server = await startTestServer({ dialect, steadyClock: () => steadyMs });
    line = new ProductLine(server);
    await line.add('1.1.0');
    pilots = [];
    for (let index = 0; index < 6; index += 1) pilots.push(await line.newDevice('1.0.0', ['pilot']));
    const body = { version: '1.1.0', product: line.product, plan: 'careful' };
    ({ name } = await server.admin('createRollout', { body }));
    await server.admin('startRollout', { params: { name }, body: {} });
    pass(60);
  });
  afterEach(async () => {
    const troubles = server.logged
      .map((entry) => JSON.parse(entry))
      .filter(({ level, msg }) => level >= 40 && !msg.startsWith('the clock was set '));
    await server.end();
    expect(troubles).toEqual([]);
  });

  /** Time that really passes. */
  const pass = (seconds: number): void => {
    steadyMs += seconds * 1000;
    server.clock.advance(seconds);
  };
  /** Only the clock. */
  const moveTo = async (instantMs: number): Promise<void> => {
    server.clock.nowMs = instantMs;
    await server.tick();
  };
  const rollout = async () => server.admin('getRollout', { params: { name } });
  const pilot = (index: number): string => pilots[index] ?? '';
  const update = async (mac: string): Promise<void> => line.update(mac, '1.0.0', '1.1.0');
  const openOf = async (mac: string): Promise<number> =>
    (await line.assignments(mac)).filter(({ state }) => isOpenState(state)).length;
  const schedule = async (cron: string, change: Readonly<Record<string, unknown>> = {}) =>
    server.admin('createSchedule', { body: { name: 'act', cron, action: 'pause', rollout: name, ...change } });
  const findSchedule = async () => (await server.admin('listSchedules')).items[0];
  const runsOf = async (): Promise<number> =>
    (await server.admin('listAudit', { query: { limit: '100' } })).items.filter(
      ({ actor, action }) => actor === 'schedule:act' && action !== 'schedule.missed',
    ).length;

  describe.each(JUMPS)('when the clock goes %s, and comes back', (_, jumpMs) => {
    test('devices in the middle of an update arrive, each with one offer at a time', async () => {
      const [offered, downloading, trying, resting, late] = pilots.slice(1) as [string, string, string, string, string];
      await update(pilot(0));
      await line.offer(offered, '1.0.0');
      await line.take(downloading, '1.0.0');
      await line.take(trying, '1.0.0');
      await line.checkIn(trying, '1.1.0', ON_TRIAL);
      const failed = await line.offer(resting, '1.0.0');
      await line.report(resting, failed, 1, 'failed', { error_code: 'connection_lost' });
      const beforeMs = server.clock.nowMs;

      await moveTo(jumpMs);
      for (const mac of [offered, downloading, resting, late]) {
        await line.checkIn(mac, '1.0.0');
        expect(await openOf(mac)).toBeLessThanOrEqual(1);
      }
      await line.checkIn(trying, '1.1.0', ON_TRIAL);
      await server.tick();
      expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
      const reads = [
        'getStatus',
        'listDevices',
        'listRollouts',
        'listAudit',
        'listSchedules',
        'listAssignments',
      ] as const;
      for (const route of reads) expect((await server.tryAdmin(route)).status, route).toBe(200);

      await moveTo(beforeMs + 120_000);
      for (const mac of [offered, downloading, resting, late]) {
        // Where its deadline passed while the clock was ahead, the build rests.
        if (!(await line.checkIn(mac, '1.0.0')).update_available) pass(240);
        await line.take(mac, '1.0.0');
        expect(await openOf(mac)).toBe(1);
        await line.checkIn(mac, '1.1.0', ON_TRIAL);
        await line.checkIn(mac, '1.1.0');
        expect(await openOf(mac)).toBe(0);
      }
      await line.checkIn(trying, '1.1.0');
      const { stages } = await rollout();
      expect(stages[0]?.outcomes).toMatchObject({ targeted: 6, soaking: 6, uncounted: 0 });
    });

    test('a stage whose sample is not confirmed does not open', async () => {
      await update(pilot(0));
      await update(pilot(1));
      await server.tick();
      await moveTo(jumpMs);
      await server.tick();
      expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
      await moveTo(START_MS + 120_000);
      expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
    });

    test('a window is open when it should be', async () => {
      await schedule('0 22 * * *', { action: 'window', rollout: undefined, duration_s: 4 * 3_600 });
      const isOpenAt = (instantMs: number): boolean => [22, 23, 0, 1].includes(new Date(instantMs).getUTCHours());
      for (const instantMs of [jumpMs, jumpMs + 12 * HOUR_MS, START_MS, jumpMs, START_MS + 12 * HOUR_MS]) {
        await moveTo(instantMs);
        const { reason } = await line.checkIn(pilot(0), '1.0.0');
        expect(reason !== 'window_closed', new Date(instantMs).toISOString()).toBe(isOpenAt(instantMs));
      }
    });

    test('a schedule runs at its next time by the clock, and once', async () => {
      await schedule('0 12 * * *', { missed: 'skip' });
      await moveTo(jumpMs);
      expect(await runsOf()).toBe(0);
      await server.tick();
      await moveTo(START_MS);
      await server.tick();
      expect(await findSchedule()).toMatchObject({ next_run_at: '2026-11-23T12:00:00.000Z' });
      await moveTo(Date.UTC(2026, 10, 23, 12));
      await server.tick();
      expect(await runsOf()).toBe(1);
      expect(await rollout()).toMatchObject({ status: 'paused' });
    });
  });

  describe.each(JUMPS.filter(([, jumpMs]) => jumpMs < START_MS))(
    'when the clock goes %s, and stays there',
    (_, jumpMs) => {
      test('a soak is not over, and says so', async () => {
        for (const mac of pilots) await update(mac);
        for (const seconds of [1_500, 1_500]) {
          await server.tick();
          pass(seconds);
          for (const mac of pilots) await line.checkIn(mac, '1.1.0');
        }
        await server.tick();
        await moveTo(jumpMs);
        await server.tick();
        const { stage, stages } = await rollout();
        expect(stage).toBe('pilot');
        expect(stages[0]?.verdict).toMatchObject({
          state: 'waiting',
          text: '0 of 3 healthy, 6 soaking (1 h each)',
        });
      });

      test('a build that failed on a device is offered again after its rest, not when the clock is where it was', async () => {
        const failed = await line.offer(pilot(0), '1.0.0');
        await line.report(pilot(0), failed, 1, 'failed', { error_code: 'connection_lost' });
        await moveTo(jumpMs);
        pass(60);
        expect(await line.offer(pilot(0), '1.0.0')).not.toBe(failed);
      });

      test('an offer that nobody takes times out by the deadline from there on', async () => {
        await line.offer(pilot(0), '1.0.0');
        await moveTo(jumpMs);
        pass(3 * 600);
        await server.tick();
        expect(await line.assignments(pilot(0))).toMatchObject([{ state: 'offered' }]);
        pass(600 + 3 * 600 + 60);
        await server.tick();
        expect(await line.assignments(pilot(0))).toMatchObject([{ state: 'timed_out' }]);
      });

      test('a schedule runs at its time there, and what it did within the last day is not done again', async () => {
        // 10:01 now.
        await schedule('30 10 * * *', { action: 'pause' });
        await moveTo(Date.UTC(2026, 10, 23, 10, 30));
        expect(await runsOf()).toBe(1);
        await moveTo(jumpMs);
        const nextMs = Date.parse((await findSchedule())?.next_run_at ?? '');
        expect(nextMs - jumpMs).toBeLessThanOrEqual(DAY_MS);
        await moveTo(nextMs);
        const isNew = START_MS - jumpMs > DAY_MS;
        expect(await runsOf()).toBe(isNew ? 2 : 1);
        await moveTo(nextMs + DAY_MS);
        expect(await runsOf()).toBe(isNew ? 3 : jumpMs === START_MS - DAY_MS ? 1 : 2);
      });

      test('a label that is added after a stage has opened does not count for it', async () => {
        server.clock.nowMs = jumpMs;
        const stranger = await line.newDevice('1.0.0', ['pilot']);
        expect(await line.checkIn(stranger, '1.0.0')).toMatchObject({ reason: 'label_after_stage_opened' });
      });

      test('a label that was added before a stage opens counts for it', async () => {
        await server.admin('abortRollout', { params: { name }, body: {} });
        server.clock.nowMs = jumpMs;
        const body = { version: '1.1.0', product: line.product, plan: 'careful', name: 'again' };
        await server.admin('createRollout', { body });
        await server.admin('startRollout', { params: { name: 'again' }, body: {} });
        expect(await line.checkIn(pilot(0), '1.0.0')).toMatchObject({ reason: 'update' });
      });

      test('failures that were acknowledged stay so, and a further one halts', async () => {
        const fail = async (mac: string) =>
          line.report(mac, await line.offer(mac, '1.0.0'), 1, 'failed', { error_code: 'self_test' });
        await fail(pilot(0));
        expect(await rollout()).toMatchObject({ status: 'halted' });
        await server.admin('resumeRollout', { params: { name }, body: { reason: 'that board is old' } });
        await moveTo(jumpMs);
        await server.tick();
        expect(await rollout()).toMatchObject({ status: 'running' });
        await fail(pilot(1));
        expect(await rollout()).toMatchObject({ status: 'halted' });
        await server.admin('resumeRollout', { params: { name }, body: { reason: 'that one too' } });
        await server.tick();
        expect(await rollout()).toMatchObject({ status: 'running' });
      });
    },
  );

  test('a soak is over when the clock says so', async () => {
    for (const mac of pilots) await update(mac);
    for (let quarter = 1; quarter <= 4; quarter += 1) {
      await server.tick();
      expect(await rollout()).toMatchObject({ stage: 'pilot' });
      pass(HOUR_MS / 4_000);
      for (const mac of pilots) await line.checkIn(mac, '1.1.0');
    }
    await server.tick();
    expect(await rollout()).toMatchObject({ stage: 'few' });
  });
});
