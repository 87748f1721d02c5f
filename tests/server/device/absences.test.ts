// Times in which no server was there: they extend trials, deadlines and silence limits, and a trial that ran out in one is
// no evidence against the build. The server itself is stopped and started again, and its database taken away.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { takeDatabaseAway } from '../../support/server/unavailable-database.ts';

const DAY_S = 86_400;
const CAME_BACK = { boot: { state: 'confirmed', reason: 'software', rolled_back_from: '1.1.0' } } as const;

describe.each(DIALECTS)('on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  let pilots: string[];

  let beganMs: number;

  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    // What was away in another test is long ago.
    server.clock.advance(3_600);
    beganMs = server.clock.nowMs;
    line = new ProductLine(server);
    await line.add('1.1.0');
    pilots = [];
    for (let index = 0; index < 6; index += 1) pilots.push(await line.newDevice('1.0.0', ['pilot']));
    const body = { version: '1.1.0', product: line.product, plan: 'careful' };
    ({ name } = await server.admin('createRollout', { body }));
    await server.admin('startRollout', { params: { name }, body: {} });
    await server.tick();
  });
  afterAll(async () => server.end());

  const startAgain = async (): Promise<void> => {
    server = await startTestServer({ dialect, like: server });
    line.moveTo(server);
  };
  const awayFor = async (seconds: number): Promise<void> => {
    await server.stop();
    server.clock.advance(seconds);
    await startAgain();
  };
  const silent = async (): Promise<number> =>
    (await server.admin('listDevices', { query: { status: 'silent', product: line.product } })).items.length;
  const rollout = async () => server.admin('getRollout', { params: { name } });
  const absences = async () => {
    const raw = await openRaw(server);
    const rows = await raw.query(`select from_ms, to_ms, cause from absences where from_ms >= ${beganMs} order by id`);
    await raw.close();
    return rows.map(({ from_ms, to_ms, cause }) => ({ cause, seconds: (Number(to_ms) - Number(from_ms)) / 1000 }));
  };
  /** On trial since now; resolves with the assignments. */
  const beginTrials = async (): Promise<Map<string, number>> => {
    const ids = new Map<string, number>();
    for (const mac of pilots) {
      const id = await line.offer(mac, '1.0.0');
      await line.report(mac, id, 1, 'installing');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      ids.set(mac, id);
    }
    return ids;
  };
  const endTrials = async (trials: ReadonlyMap<string, number>): Promise<void> => {
    for (const [mac, id] of trials) {
      const { status } = await line.report(mac, id, 2, 'rolled_back', { error_code: 'trial_timeout' });
      expect(status).toBe(200);
      await line.checkIn(mac, '1.0.0', CAME_BACK);
    }
  };
  const expectExcused = async (): Promise<void> => {
    await server.tick();
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
    for (const mac of pilots) expect((await line.detail(mac)).builds).toMatchObject([{ known_bad: false }]);
    server.clock.advance(61);
    for (const mac of pilots) expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ reason: 'update' });
  };

  describe('a trial that ran out', () => {
    test('while the server was stopped for 75 s is no evidence: the build is tried again', async () => {
      const trials = await beginTrials();
      await awayFor(75);
      await endTrials(trials);
      await expectExcused();
      expect(await absences()).toEqual([{ cause: 'stopped', seconds: 75 }]);
    });

    test('right after the server was back is none either', async () => {
      await awayFor(75);
      server.clock.advance(30);
      await endTrials(await beginTrials());
      await expectExcused();
    });

    test('long after the server was back halts as ever', async () => {
      await awayFor(75);
      server.clock.advance(120);
      await endTrials(await beginTrials());
      expect(await rollout()).toMatchObject({ status: 'halted' });
    });

    test('is evidence where the server was only started again', async () => {
      const trials = await beginTrials();
      await awayFor(10);
      server.clock.advance(75);
      await endTrials(trials);
      expect(await rollout()).toMatchObject({ status: 'halted' });
      expect(await absences()).toEqual([]);
    });

    test('is evidence where the server was there and only its clock was looked at seldom', async () => {
      const trials = await beginTrials();
      server.clock.advance(3_600);
      await server.tick();
      await endTrials(trials);
      expect(await rollout()).toMatchObject({ status: 'halted' });
      expect(await absences()).toEqual([]);
    });

    test('by a crash is evidence, whether the server was there or not', async () => {
      const [mac = ''] = pilots;
      const trials = await beginTrials();
      await awayFor(75);
      await line.report(mac, trials.get(mac) ?? 0, 2, 'rolled_back', { error_code: 'crash' });
      expect(await rollout()).toMatchObject({ status: 'halted' });
      expect((await line.detail(mac)).builds).toMatchObject([{ known_bad: true }]);
    });

    test('while the database was away is no evidence', async () => {
      const trials = await beginTrials();
      const giveBack = await takeDatabaseAway(server);
      await server.tick();
      server.clock.advance(75);
      await server.tick();
      await giveBack();
      // Boards are faster than the next tick.
      await endTrials(trials);
      await expectExcused();
      const [absence, ...others] = await absences();
      expect(absence?.cause).toBe('database');
      // Up to the tick after the last one that failed.
      expect(absence?.seconds).toBeGreaterThanOrEqual(75);
      expect(absence?.seconds).toBeLessThanOrEqual(85);
      expect(others).toEqual([]);
    });
  });

  test('an offer has the rest of its time when the server is back after a day, and nobody is silent', async () => {
    const [mac = ''] = pilots;
    await line.offer(mac, '1.0.0');
    server.clock.advance(20 * 60);
    await awayFor(DAY_S);
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
    expect(await silent()).toBe(0);

    server.clock.advance(15 * 60);
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
    server.clock.advance(10 * 60);
    await server.tick();
    expect(await line.assignments(mac)).toMatchObject([{ state: 'timed_out' }]);
    // Seen 45 minutes ago without the day, and silent after 66 at the latest.
    server.clock.advance(22 * 60);
    expect(await silent()).toBe(6);
  });

  test('of several short stops each counts', async () => {
    const [mac = ''] = pilots;
    await line.offer(mac, '1.0.0');
    for (let stop = 0; stop < 4; stop += 1) {
      await awayFor(1_000);
      server.clock.advance(60);
      await server.tick();
    }
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
    expect(await absences()).toEqual(Array.from({ length: 4 }, () => ({ cause: 'stopped', seconds: 1_000 })));
  });
});

test('one of two servers that is started again was not missed', async () => {
  const first = await startTestServer({ dialect: 'postgres' });
  const second = await startTestServer({ dialect: 'postgres', like: first });
  onTestFinished(async () => {
    await second.end();
  });
  await first.tick();
  await second.tick();
  await first.stop();
  first.clock.advance(3_600);
  await second.tick();
  const again = await startTestServer({ dialect: 'postgres', like: first });
  onTestFinished(async () => again.stop());
  await again.tick();
  const raw = await openRaw(second);
  onTestFinished(async () => raw.close());
  expect(await raw.query('select * from absences')).toEqual([]);

  await Promise.all([again.stop(), second.stop()]);
  first.clock.advance(3_600);
  const both = await Promise.all([0, 1].map(async () => startTestServer({ dialect: 'postgres', like: first })));
  expect(await raw.query('select cause from absences'), 'it is recorded once').toEqual([{ cause: 'stopped' }]);
  await Promise.all(both.map(async (server) => server.stop()));
});
