// What becomes of boards after they confirmed, in every stage, to the end: whole fleets over the real wire on a moved clock.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { type Fate, WatchedFleet } from '../../support/watched-fleet.ts';

const HOUR_S = 3_600;

describe.each(DIALECTS)('a build on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let fleet: WatchedFleet;
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    server.clock.advance(2 * HOUR_S);
    line = new ProductLine(server);
    fleet = new WatchedFleet(server, line);
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const begin = async (plan: string): Promise<void> => {
    server.clock.advance(1);
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const rollout = async (): Promise<Rollout> => server.admin('getRollout', { params: { name } });
  const isOver = async (): Promise<boolean> => (await rollout()).status !== 'running';
  const calls = async () => (await server.admin('getStatus')).calls.filter((call) => call.rollout === name);
  const outcomes = async (stage: string) => (await rollout()).stages.find((one) => one.stage === stage)?.outcomes;
  const columnsAddUp = ({ stages }: Rollout): void => {
    for (const { outcomes: found } of stages) {
      const { targeted, uncounted: _u, asleep: _a, ...columns } = found;
      expect(Object.values(columns).reduce<number>((sum, boards) => sum + (boards ?? 0), 0)).toBe(targeted);
    }
  };
  /** So many pilots and others, all with this fate. */
  const populate = async (fate: Fate, pilots: number, others: number): Promise<readonly string[]> => {
    const macs = await fleet.add(pilots, { fate, labels: ['pilot'] });
    await fleet.add(others, { fate });
    return macs;
  };

  test.each([
    { kind: 'dies', afterS: 600, reason: 'lost' },
    { kind: 'crashes', afterS: 600, reason: 'failed' },
    { kind: 'panics_without_uptime', afterS: 600, reason: 'failed' },
    { kind: 'leaves', afterS: 600, reason: 'failed' },
    { kind: 'leaves_silently', afterS: 600, reason: 'failed' },
    { kind: 'bricks', reason: 'lost' },
    { kind: 'rolls_back', reason: 'failed' },
    { kind: 'loses_network', reason: 'failed' },
  ] as const)('that $kind halts in the pilot, and nobody else gets it', async ({ reason, ...fate }) => {
    const pilots = await populate(fate, 5, 20);
    await begin('careful');
    await fleet.run(4 * HOUR_S, isOver);
    const halted = await rollout();
    expect(halted).toMatchObject({ status: 'halted', stage: 'pilot', halted_reason: expect.stringContaining(reason) });
    columnsAddUp(halted);
    expect([...fleet.given.keys()].every((mac) => pilots.includes(mac))).toBe(true);
    expect(await calls()).toMatchObject([
      { kind: 'halted', commands: expect.arrayContaining([expect.stringContaining('firmware block')]) },
    ]);
  });

  test('that crashed is still told of when the boards are back on the version before', async () => {
    const pilots = await populate({ kind: 'crashes', afterS: 600 }, 5, 20);
    await begin('careful');
    await fleet.run(4 * HOUR_S, isOver);
    const versionOf = async (mac: string) => (await line.detail(mac)).device.current_version;
    await fleet.run(4 * HOUR_S, async () => (await Promise.all(pilots.map(versionOf))).every((v) => v === '1.0.0'));
    expect(await Promise.all(pilots.map(versionOf))).toEqual(pilots.map(() => '1.0.0'));
    // Who was taken back before it crashed is `other`.
    const { crashing = 0, other = 0 } = (await outcomes('pilot')) ?? {};
    expect(crashing).toBeGreaterThan(0);
    expect(crashing + other).toBe(5);
  });

  test('that is good completes without a person, after its last soak', async () => {
    await populate({ kind: 'good' }, 5, 20);
    await begin('careful');
    await fleet.run(24 * HOUR_S, isOver);
    const complete = await rollout();
    expect(complete).toMatchObject({ status: 'complete', watched_until: expect.any(String) });
    columnsAddUp(complete);
    expect(complete.stages.reduce((sum, { outcomes: found }) => sum + found.healthy, 0)).toBe(25);
  });

  test('that a board leaves by itself is not given to it again and again', async () => {
    const [mac = ''] = await fleet.add(1, { fate: { kind: 'leaves', afterS: 60 } });
    await begin('default');
    await server.admin('promoteRollout', { params: { name }, body: { from: 'pilot' } });
    await fleet.run(6 * HOUR_S);
    expect(fleet.given.get(mac)).toBe(1);
    expect(await line.explain(mac)).toMatchObject({ reason: 'known_bad', board: { outcome: 'failed' } });
  });

  test('that a board leaves without a word is given to it three times at most', async () => {
    const [mac = ''] = await fleet.add(1, { fate: { kind: 'leaves_silently', afterS: 60 } });
    await begin('default');
    await server.admin('promoteRollout', { params: { name }, body: { from: 'pilot' } });
    await fleet.run(12 * HOUR_S);
    expect(fleet.given.get(mac)).toBe(3);
    expect(await line.explain(mac)).toMatchObject({ reason: 'known_bad' });
  });

  test('that fails in the pilot after the next stage opened halts there', async () => {
    await fleet.add(5, { fate: { kind: 'leaves', afterS: 2.5 * HOUR_S }, labels: ['pilot'] });
    await fleet.add(60);
    await begin('careful');
    await fleet.run(24 * HOUR_S, isOver);
    const halted = await rollout();
    expect(halted).toMatchObject({ status: 'halted', halted_reason: expect.stringContaining('stage pilot') });
    expect(halted.stage).not.toBe('pilot');
  });

  test('that goes bad in its watch regresses, is offered to nobody, and can be taken back or kept', async () => {
    await fleet.add(1, { fate: { kind: 'leaves', afterS: 8 * HOUR_S }, labels: ['pilot'] });
    await fleet.add(2, { labels: ['pilot'] });
    await fleet.add(8);
    await begin('careful');
    await fleet.run(30 * HOUR_S, async () => (await rollout()).status === 'regressed');
    expect(await rollout()).toMatchObject({ status: 'regressed', regressed_reason: expect.stringContaining('failed') });
    expect((await calls()).map(({ kind }) => kind)).toEqual(['regressed']);
    const late = await line.newDevice('1.0.0');
    expect(await line.checkIn(late, '1.0.0')).toMatchObject({ update_available: false });
    const { items } = await server.admin('listEvents', { query: { rollout: name, type: 'rollout.regressed' } });
    expect(items).toHaveLength(1);
    expect(await server.tryAdmin('keepRollout', { params: { name }, body: { reason: ' ' } })).toMatchObject({
      status: 400,
    });
    const kept = await server.admin('keepRollout', { params: { name }, body: { reason: 'only the old pilots' } });
    expect(kept).toMatchObject({ status: 'complete' });
    await fleet.run(600);
    expect(await rollout(), 'what was seen does not count again').toMatchObject({ status: 'complete' });
    expect(await line.checkIn(late, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('that regressed and is blocked needs nobody any more', async () => {
    await fleet.add(1, { fate: { kind: 'leaves', afterS: 2 * HOUR_S } });
    await fleet.add(2);
    await begin('urgent');
    await fleet.run(6 * HOUR_S, async () => (await rollout()).status === 'regressed');
    await line.block('1.1.0');
    expect(await rollout()).toMatchObject({ status: 'aborted' });
    expect(await calls()).toEqual([]);
  });

  test('that is blocked in its watch is not watched any more', async () => {
    const stable = async () => server.admin('getRollout', { params: { name: line.rolloutName('1.0.0') } });
    expect(await stable()).toMatchObject({ status: 'complete', watched_until: expect.any(String) });
    await line.block('1.0.0');
    expect(await stable()).toMatchObject({ status: 'complete', watched_until: null });
  });

  test('that was under way when the watch came is not watched', async () => {
    await line.rollOut('1.1.0');
    const raw = await openRaw(server, { writes: true });
    await raw.query(
      `update rollouts set counts_before_ms = null where status = 'running' and product = '${line.product}'`,
    );
    await raw.close();
    await line.move('1.1.0', 'promote');
    expect(await line.move('1.1.0', 'promote')).toMatchObject({ status: 'complete', watched_until: null });
  });

  test('is not halted by an outage of a third of the boards', async () => {
    await populate({ kind: 'good' }, 9, 30);
    await begin('careful');
    await fleet.run(20 * 60);
    const cut = fleet.macs.filter((_, index) => index % 3 === 0);
    fleet.cut(cut, true);
    await fleet.run(HOUR_S);
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
    expect((await rollout()).stages[0]?.verdict?.text).toContain('outage');
    fleet.cut(cut, false);
    await fleet.run(24 * HOUR_S, isOver);
    expect(await rollout()).toMatchObject({ status: 'complete' });
    expect(await outcomes('pilot')).toMatchObject({ lost: 0, healthy: 9 });
  });

  test('does not wait for ever where an operator removed the boards that were lost', async () => {
    const pilots = await populate({ kind: 'good' }, 5, 20);
    await begin('careful');
    await fleet.run(20 * 60);
    const cut = [...pilots, ...fleet.macs.filter((mac, index) => index % 3 === 0 && !pilots.includes(mac))];
    fleet.cut(cut, true);
    await fleet.run(HOUR_S);
    expect((await rollout()).stages[0]?.verdict?.text).toContain('outage');
    for (const mac of pilots.slice(1))
      await server.admin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } });
    fleet.cut(
      cut.filter((mac) => !pilots.slice(1).includes(mac)),
      false,
    );
    await fleet.run(24 * HOUR_S, isOver);
    const ended = await rollout();
    expect(ended).toMatchObject({
      status: 'halted',
      stage: 'pilot',
      halted_reason: expect.stringContaining('given the build'),
    });
  });

  test('is not halted by an outage in which trials ran out', async () => {
    await populate({ kind: 'good' }, 9, 30);
    await begin('careful');
    // In steps shorter than an installation, so that one is under way.
    while (fleet.given.size === 0) await fleet.run(20);
    const onTrial = [...fleet.given.keys()];
    const cut = [...onTrial, ...fleet.macs.filter((mac, index) => index % 3 === 0 && !onTrial.includes(mac))];
    fleet.cut(cut, true);
    await fleet.run(HOUR_S);
    fleet.cut(cut, false);
    await fleet.run(40);
    const cutShort = await rollout();
    expect(cutShort).toMatchObject({ status: 'running', stage: 'pilot' });
    expect(cutShort.stages[0]?.verdict?.text).toContain('trial ran out; outage');
    await fleet.run(24 * HOUR_S, isOver);
    expect(await rollout()).toMatchObject({ status: 'complete' });
    expect(await outcomes('pilot')).toMatchObject({ failed: 0, healthy: 9 });
  });

  test('is not shown to be good by boards that came after its start', async () => {
    await fleet.add(5, { labels: ['pilot'], fate: { kind: 'dies', afterS: 60 } });
    await fleet.run(25 * HOUR_S);
    await begin('careful');
    // In the same moment, so that their label counts: whoever has the token can make up boards, and an operator trust them.
    const invented = await fleet.add(30, { labels: ['pilot'] });
    const status = await server.admin('getStatus');
    expect(status.calls.some(({ kind, text }) => kind === 'new_boards' && text.includes(line.product))).toBe(true);
    await fleet.run(4 * HOUR_S, isOver);
    expect(await rollout()).toMatchObject({ status: 'halted', stage: 'pilot' });
    expect(invented.some((mac) => fleet.given.has(mac))).toBe(true);
    expect(await outcomes('pilot')).toMatchObject({ targeted: 5, uncounted: 30 });
  });

  test('is waited for on a board that sleeps, for one of its gaps, and the column says so', async () => {
    const sleeps = { next_check_s: 6 * HOUR_S };
    await fleet.add(4, { labels: ['pilot'] });
    await fleet.add(8);
    const sleeper = await line.newDevice('1.0.0', ['pilot']);
    await begin('careful');
    const id = await line.offer(sleeper, '1.0.0', sleeps);
    await line.report(sleeper, id, 1, 'downloading');
    await line.report(sleeper, id, 2, 'installing');
    await line.checkIn(sleeper, '1.1.0', { ...sleeps, ...ON_TRIAL });
    await line.checkIn(sleeper, '1.1.0', sleeps);
    await fleet.run(2 * HOUR_S);
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
    expect(await outcomes('pilot')).toMatchObject({ healthy: 4, soaking: 1, asleep: 1 });
    await fleet.run(6 * HOUR_S, async () => (await rollout()).stage !== 'pilot');
    expect((await rollout()).stage).not.toBe('pilot');
  });

  test.each(['connect', 'busy'])(
    'stays failed on a board whose next attempt ends by %s before it has the build',
    async (error_code) => {
      const stages = [
        {
          name: 'pilot',
          label: 'pilot',
          percentage: 100,
          promotion: 'manual',
          gate: { min_confirmed: 2, max_failed: 1 },
        },
        { name: 'all', label: 'general', percentage: 100, promotion: 'manual' },
      ];
      await server.admin('setPlan', { params: { name: 'patient' }, body: { stages } });
      const mac = await line.newDevice('1.0.0', ['pilot']);
      await begin('patient');
      const first = await line.take(mac, '1.0.0');
      await line.report(mac, first, 1, 'installing');
      await line.report(mac, first, 2, 'rolled_back', { error_code: 'trial_timeout' });
      await line.checkIn(mac, '1.0.0');
      expect(await outcomes('pilot')).toMatchObject({ failed: 1 });
      server.clock.advance(300);
      const second = await line.offer(mac, '1.0.0');
      expect(second).not.toBe(first);
      await line.report(mac, second, 1, 'failed', { error_code });
      expect(await outcomes('pilot')).toMatchObject({ failed: 1, not_now: 0 });
    },
  );

  test('that shows up on a board which took nothing from here is no evidence', async () => {
    const macs = await fleet.add(3, { labels: ['pilot'] });
    await begin('careful');
    for (const mac of macs) {
      await line.offer(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0');
    }
    await server.tick();
    expect(await outcomes('pilot')).toMatchObject({ targeted: 0, uncounted: 3, healthy: 0 });
    expect((await calls()).map(({ kind }) => kind)).toEqual(['nobody_counts']);
    const [mac = ''] = macs;
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed', not_counted: 'not_taken' }]);
    await server.admin('setCounted', { params: { device: mac }, body: { counted: 'yes', reason: 'I flashed it' } });
    expect(await outcomes('pilot')).toMatchObject({ targeted: 1, uncounted: 2 });
  });

  test('waits visibly for boards that hold it up, and names those that it does not wait for', async () => {
    const [first = '', second = ''] = await fleet.add(2, { labels: ['pilot'] });
    const [other = ''] = await fleet.add(1, { labels: ['pilot'], chip: 'esp32s3' });
    await begin('careful');
    expect(await rollout()).toMatchObject({
      left_out: [{ reason: 'no_image_for_chip', devices: 1, examples: [other] }],
    });
    await line.take(first, '1.0.0');
    const { items } = await server.admin('getWaiting', { params: { name }, query: {} });
    expect(items).toMatchObject([
      { mac: first, outcome: 'updating', reason: null },
      { mac: second, outcome: 'waiting', reason: null },
      { mac: other, outcome: 'waiting', reason: 'no_image_for_chip' },
    ]);
    // As the numbers have them: a column of the stage, or the rule that leaves a board out.
    const asked = async (query: { outcome?: 'waiting' | 'updating' | 'healthy'; left_out?: string; limit?: string }) =>
      (await server.admin('getWaiting', { params: { name }, query })).items.map(({ mac }) => mac);
    expect(await asked({ outcome: 'updating' })).toEqual([first]);
    expect(await asked({ outcome: 'waiting' })).toEqual([second]);
    expect(await asked({ outcome: 'healthy' })).toEqual([]);
    expect(await asked({ left_out: 'no_image_for_chip', limit: '1' })).toEqual([other]);
    expect(await asked({ left_out: 'device_held' })).toEqual([]);
    for (let hour = 0; hour < 9; hour += 1) {
      server.clock.advance(HOUR_S / 2);
      for (const mac of [first, second]) await line.checkIn(mac, '1.0.0');
      server.clock.advance(HOUR_S / 2);
      await server.tick();
    }
    expect((await calls()).map(({ kind }) => kind)).toContain('gate_waits');
  });

  test('that completed leaves nobody out: late boards get it, and are listed as such', async () => {
    const [late = ''] = await fleet.add(1);
    await begin('default');
    for (const from of ['pilot', 'expand'])
      await server.admin('promoteRollout', { params: { name }, body: { from, override: true, reason: 'seen' } });
    const { status, watched_until, left_out } = await rollout();
    expect({ status, watched_until, left_out }).toEqual({
      status: 'complete',
      watched_until: expect.any(String),
      left_out: [],
    });
    const asked = async (query: Readonly<Record<string, string>>) =>
      (await server.admin('getWaiting', { params: { name }, query })).items.map(({ mac, reason }) => ({ mac, reason }));
    expect(await asked({})).toEqual([{ mac: late, reason: null }]);
    expect(await asked({ outcome: 'waiting' })).toEqual([{ mac: late, reason: null }]);
    expect(await asked({ left_out: 'image_not_released' })).toEqual([]);
  });

  test('that was aborted while boards installed it: those that are silent since are called, until they are back', async () => {
    const [back = '', ...dead] = await fleet.add(3, { labels: ['pilot'] });
    await begin('careful');
    for (const mac of [back, ...dead]) {
      await line.take(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
    }
    await server.admin('abortRollout', { params: { name }, body: { reason: 'it smells' } });
    server.clock.advance(1);
    await line.checkIn(back, '1.1.0');
    expect(await calls()).toEqual([]);
    server.clock.advance(2 * HOUR_S);
    expect(await calls()).toMatchObject([{ kind: 'lost', text: expect.stringContaining('2 boards were given 1.1.0') }]);
    for (const mac of dead) await line.checkIn(mac, '1.0.0');
    expect(await calls()).toEqual([]);
  });

  test('calls when its first stage is empty', async () => {
    await fleet.add(3);
    await begin('careful');
    // A label that is added after the stage opened would count from the next stage on.
    expect(await calls()).toMatchObject([
      {
        kind: 'empty_stage',
        commands: [
          `otter rollout abort ${name} --reason TEXT`,
          'otter device label MAC pilot',
          `otter rollout create --firmware 1.1.0 --product ${line.product} --plan careful`,
        ],
      },
    ]);
  });

  test('does not call its first stage empty where all of it runs the build already', async () => {
    for (const mac of [line.newMac(), line.newMac()]) {
      await line.checkIn(mac, '1.1.0');
      await server.admin('labelDevice', { params: { device: mac, name: 'pilot' }, query: {} });
    }
    await begin('default');
    expect(await rollout()).toMatchObject({ warnings: [], left_out: [{ reason: 'up_to_date', devices: 2 }] });
    expect(await calls()).toEqual([]);
  });

  test.each([
    { how: 'with uptime', boot: (reason: string, uptime_s: number) => ({ state: 'confirmed', reason, uptime_s }) },
    { how: 'without', boot: (reason: string) => ({ state: 'confirmed', reason }) },
  ])('is not blamed for the crash of the next one on trial ($how)', async ({ boot }) => {
    const mac = line.newMac();
    await line.checkIn(mac, '1.0.0', { boot: boot('power_on', 5_000) });
    await begin('default');
    await server.admin('promoteRollout', { params: { name }, body: { from: 'pilot' } });
    const first = await line.take(mac, '1.0.0', { boot: boot('power_on', 5_000) });
    await line.report(mac, first, 1, 'installing');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0', { boot: boot('software', 10) });
    await server.admin('promoteRollout', { params: { name }, body: { from: 'expand' } });
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    server.clock.advance(HOUR_S);
    const second = await line.take(mac, '1.1.0', { boot: boot('software', HOUR_S + 10) });
    await line.report(mac, second, 1, 'installing');
    server.clock.advance(60);
    await line.report(mac, second, 2, 'rolled_back', { error_code: 'crash' });
    await line.checkIn(mac, '1.1.0', { rolled_back_from: '1.2.0', boot: boot('panic', 5) });
    const outcomesNow = async () => (await line.assignments(mac)).map(({ outcome }) => outcome);
    expect(await outcomesNow()).toEqual(['failed', 'healthy']);
    server.clock.advance(60);
    await line.checkIn(mac, '1.1.0', { rolled_back_from: '1.2.0', boot: boot('panic', 65) });
    expect(await outcomesNow(), 'the same start, told once more').toEqual(['failed', 'healthy']);
    server.clock.advance(600);
    await line.checkIn(mac, '1.1.0', { rolled_back_from: '1.2.0', boot: boot('task_watchdog', 5) });
    expect(await outcomesNow(), 'a crash of its own').toEqual(['failed', 'crashing']);
  });
});
