// Gates at work: rollouts that go on by themselves, and those that stop by themselves. On both databases.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: small
    stages:
      - {name: pilot, label: pilot, promotion: auto, gate: {min_confirmed: 3, max_failed: 0, max_silent_pct: 20%, soak: 1h}}
      - {name: half, label: general, percentage: 50%, promotion: auto, gate: {min_confirmed: 4, max_failed_pct: 25%, soak: 1h}}
      - {name: all, label: general, promotion: auto, gate: {min_confirmed: 4, max_failed_pct: 25%}}
  - name: by-hand
    stages:
      - {name: pilot, label: pilot, gate: {min_confirmed: 2, max_failed: 1, max_silent_pct: 10%}}
      - {name: all, label: general}
  - name: with-network
    stages:
      - {name: pilot, label: pilot, gate: {min_confirmed: 3, max_failed: 1, fault_classes: [firmware, network]}}
  - name: patient
    stages:
      - {name: pilot, label: pilot, gate: {min_confirmed: 3, max_silent_pct: 50%}}
`;

describe.each(DIALECTS)('a gate on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let pilots: readonly string[];
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    server.clock.advance(1);
    await line.add('1.1.0');
    pilots = [
      await line.newDevice('1.0.0', ['pilot']),
      await line.newDevice('1.0.0', ['pilot']),
      await line.newDevice('1.0.0', ['pilot']),
    ];
  });
  afterAll(async () => server.end());

  const begin = async (plan: string): Promise<void> => {
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const rollout = async (): Promise<Rollout> => server.admin('getRollout', { params: { name } });
  const verdict = async () => (await rollout()).stages.find(({ verdict: found }) => found !== null)?.verdict;
  const tickAfter = async (seconds: number): Promise<Rollout> => {
    server.clock.advance(seconds);
    await server.tick();
    return rollout();
  };
  const update = async (mac: string): Promise<void> => line.update(mac, '1.0.0', '1.1.0');
  /** So many quarters of an hour pass, and the boards check in after each. */
  const live = async (
    quarters: number,
    boards: Readonly<Record<'updated' | 'old', readonly string[]>>,
  ): Promise<Rollout> => {
    for (let quarter = 0; quarter < quarters; quarter += 1) {
      server.clock.advance(900);
      for (const mac of boards.updated) await line.checkIn(mac, '1.1.0');
      for (const mac of boards.old) await line.checkIn(mac, '1.0.0');
      await server.tick();
    }
    return rollout();
  };
  /** The boards run the build for an hour and say so every quarter of it. */
  const soak = async (macs: readonly string[]): Promise<Rollout> => live(4, { updated: macs, old: [] });
  const rollBack = async (mac: string): Promise<void> => line.rollBack(mac, '1.0.0', '1.1.0');
  const audit = async () =>
    (await server.admin('listAudit', { query: { subject: name } })).items.map(
      ({ actor, action }) => `${actor} ${action}`,
    );

  test('that passes opens each stage in turn, and the last one completes', async () => {
    const others: string[] = [];
    for (let index = 0; index < 24; index += 1) others.push(await line.newDevice('1.0.0'));
    await begin('small');
    expect(await tickAfter(5), 'nobody has updated').toMatchObject({ stage: 'pilot' });
    for (const mac of pilots) await update(mac);
    expect(await tickAfter(5)).toMatchObject({ stage: 'pilot' });
    expect(await verdict()).toMatchObject({ state: 'waiting', text: '0 of 3 healthy, 3 soaking (1 h each)' });
    expect(
      (await line.checkIn(pilots[0] ?? '', '1.1.0')).poll_interval_s,
      'four times in the soak',
    ).toBeLessThanOrEqual(900);
    expect(await tickAfter(1_000), 'nobody has run it for an hour').toMatchObject({ stage: 'pilot' });
    expect(await soak(pilots)).toMatchObject({ stage: 'half', target_label: 'general' });
    const running = [...pilots];

    const taken: string[] = [];
    for (const mac of others) {
      if ((await line.checkIn(mac, '1.0.0')).update_available) taken.push(mac);
    }
    expect(taken.length).toBeGreaterThanOrEqual(4);
    expect(taken.length).toBeLessThan(24);
    for (const mac of taken.slice(0, 3)) await update(mac);
    running.push(...taken.slice(0, 3));
    expect(await live(8, { updated: running, old: taken.slice(3) }), 'time alone proves nothing').toMatchObject({
      stage: 'half',
      stages: [{}, { verdict: { state: 'waiting', text: expect.stringMatching(/^3 of 4 healthy/) } }, {}],
    });
    for (const mac of taken.slice(3)) await update(mac);
    running.push(...taken.slice(3));
    expect(await soak(running)).toMatchObject({ stage: 'all' });

    for (const mac of others.filter((one) => !taken.includes(one))) await update(mac);
    expect(await tickAfter(5)).toMatchObject({ status: 'complete', stage: 'all' });
    expect(await audit()).toEqual([
      'gate rollout.promote',
      'gate rollout.promote',
      'gate rollout.promote',
      'admin rollout.start',
      'admin rollout.create',
    ]);
  });

  test('halts a bad build in the pilot with the report that says so, without a tick', async () => {
    const stranger = await line.newDevice('1.0.0');
    await begin('small');
    const [first = '', second = ''] = pilots;
    await rollBack(first);
    expect(await rollout()).toMatchObject({
      status: 'halted',
      stage: 'pilot',
      halted_at: new Date(server.clock.nowMs).toISOString(),
      halted_reason: 'the gate of stage pilot failed: 1 failed, at most 0 may',
      stages: [{ verdict: { state: 'failed' } }, { verdict: null }, { verdict: null }],
    });
    expect(await line.checkIn(second, '1.0.0')).toMatchObject({ update_available: false, reason: 'rollout_halted' });
    expect(await line.checkIn(stranger, '1.0.0')).toMatchObject({ update_available: false });
    expect(await audit()).toContain('gate rollout.halt');
    expect((await server.admin('getStatus')).rollouts.map((one) => one.name)).toContain(name);
    expect(await tickAfter(86_400)).toMatchObject({ status: 'halted' });
  });

  test('halts when a device reports the failure itself', async () => {
    await begin('small');
    const [mac = ''] = pilots;
    const id = await line.take(mac, '1.0.0');
    await line.report(mac, id, 1, 'failed', { error_code: 'self_test' });
    expect(await rollout()).toMatchObject({ status: 'halted' });
  });

  test('that halted is left with a reason only, and then counts what fails from there on', async () => {
    await begin('small');
    const [first = '', second = '', third = ''] = pilots;
    await rollBack(first);
    expect(await server.tryAdmin('resumeRollout', { params: { name }, body: {} })).toMatchObject({
      status: 400,
      body: { error: { code: 'reason_missing' } },
    });
    expect(await server.tryAdmin('promoteRollout', { params: { name }, body: {} })).toMatchObject({ status: 409 });
    server.clock.advance(1);
    const resumed = await server.admin('resumeRollout', { params: { name }, body: { reason: 'that board is old' } });
    expect(resumed).toMatchObject({ status: 'running', halted_at: null, halted_reason: null });
    expect(await tickAfter(5)).toMatchObject({ status: 'running' });
    await update(second);
    expect(await verdict()).toMatchObject({ state: 'waiting', text: expect.stringContaining('1 other failures') });
    await rollBack(third);
    expect(await rollout()).toMatchObject({ status: 'halted' });
    expect(await server.admin('abortRollout', { params: { name }, body: {} })).toMatchObject({ status: 'aborted' });
  });

  test('that was resumed does not wait for the device that rolled back', async () => {
    await begin('small');
    const [first = '', second = '', third = ''] = pilots;
    await rollBack(first);
    server.clock.advance(1);
    await server.admin('resumeRollout', { params: { name }, body: { reason: 'that board is old' } });
    await update(second);
    expect(await verdict()).toMatchObject({ state: 'waiting', text: expect.stringContaining('0 of 2 healthy') });
    await update(third);
    expect(await soak([second, third])).toMatchObject({ status: 'running', stage: 'half' });
  });

  test('does not halt for what the network does', async () => {
    await begin('small');
    for (const mac of pilots) {
      const id = await line.take(mac, '1.0.0');
      await line.report(mac, id, 1, 'failed', { error_code: 'connection_lost' });
    }
    expect(await tickAfter(120)).toMatchObject({ status: 'running', stage: 'pilot' });
    expect(await verdict()).toMatchObject({ state: 'waiting', text: '0 of 3 healthy, 3 other failures' });
    for (const mac of pilots) await update(mac);
    expect(await soak(pilots)).toMatchObject({ stage: 'half' });
  });

  test('halts for what the network does where it counts that', async () => {
    await begin('with-network');
    for (const mac of pilots.slice(0, 2)) {
      const id = await line.take(mac, '1.0.0');
      expect(await rollout()).toMatchObject({ status: 'running' });
      await line.report(mac, id, 1, 'failed', { error_code: 'connection_lost' });
    }
    expect(await rollout()).toMatchObject({
      status: 'halted',
      halted_reason: 'the gate of stage pilot failed: 2 failed, at most 1 may',
      stages: [{ gate: { fault_classes: ['firmware', 'network'] } }],
    });
  });

  test('does not wait for a device that fell silent after its offer, within the budget of silence', async () => {
    await begin('patient');
    await line.take(pilots[2] ?? '', '1.0.0');
    for (const mac of pilots.slice(0, 2)) await update(mac);
    expect(await verdict()).toMatchObject({ state: 'waiting', text: '2 of 3 healthy, 1 on the way' });
    await live(3, { updated: pilots.slice(0, 2), old: [] });
    expect(await verdict()).toMatchObject({ state: 'passed', text: '2 of 2 healthy, 0 failed, 1 silent' });
    server.clock.advance(60);
    await line.take(pilots[2] ?? '', '1.0.0');
    expect(await verdict(), 'it is back').toMatchObject({ state: 'waiting' });
  });

  test('of a stage for people says that it is ready, and leaves the rest to them', async () => {
    await begin('by-hand');
    for (const mac of pilots.slice(0, 2)) await update(mac);
    expect(await tickAfter(5)).toMatchObject({ status: 'running', stage: 'pilot' });
    expect(await verdict()).toMatchObject({ state: 'passed' });
    expect(await live(24, { updated: pilots.slice(0, 2), old: [] })).toMatchObject({ stage: 'pilot' });
    expect(await server.admin('promoteRollout', { params: { name }, body: {} })).toMatchObject({ stage: 'all' });
  });

  test('waits while too many are silent; one that comes back running the build counts as confirmed', async () => {
    await begin('by-hand');
    const [first = '', second = '', third = ''] = pilots;
    const late = await line.take(third, '1.0.0');
    await update(first);
    await update(second);
    expect(await verdict()).toMatchObject({ state: 'passed' });
    await live(3, { updated: [first, second], old: [] });
    expect(await line.assignments(third)).toMatchObject([{ id: late, state: 'timed_out' }]);
    expect(await verdict()).toMatchObject({ state: 'waiting', text: '1 of 3 are silent, at most 10 % may be' });
    expect((await rollout()).stages[0]?.outcomes).toMatchObject({ healthy: 2, waiting: 1 });
    await line.checkIn(third, '1.1.0', ON_TRIAL);
    await line.checkIn(third, '1.1.0');
    expect(await line.assignments(third)).toMatchObject([{ id: late, state: 'confirmed' }]);
    expect(await verdict()).toMatchObject({ state: 'passed' });
  });

  test('offers the build again to one that comes back without it, after its rest', async () => {
    await begin('by-hand');
    const [mac = ''] = pilots;
    const late = await line.take(mac, '1.0.0');
    await tickAfter(3 * 600 + 600 + 5);
    server.clock.advance(60);
    expect(await line.take(mac, '1.0.0')).not.toBe(late);
  });

  test('does not wait for a device of the stage that nobody has heard of for long', async () => {
    // Three of the longest intervals that they were told.
    server.clock.advance(3 * 1_320 + 1);
    await begin('by-hand');
    await update(pilots[0] ?? '');
    expect(await tickAfter(5)).toMatchObject({ stage: 'pilot' });
    expect(await verdict()).toMatchObject({ state: 'passed', text: expect.stringContaining('1 of 1 healthy') });
  });
});

test('two servers that tick at once open each stage once', async () => {
  const first = await startTestServer({ dialect: 'postgres' });
  writeFileSync(join(first.home, 'config/plans.yaml'), PLANS.replaceAll(', soak: 1h', ''));
  await first.stop();
  const left = await startTestServer({ like: first });
  const right = await startTestServer({ like: first });
  const line = new ProductLine(left);
  await line.add('1.1.0');
  const macs: string[] = [];
  for (let index = 0; index < 3; index += 1) macs.push(await line.newDevice('1.0.0', ['pilot']));
  // The stage after the pilot has somebody to ask.
  for (let index = 0; index < 12; index += 1) await line.newDevice('1.0.0');
  const { name } = await left.admin('createRollout', {
    body: { version: '1.1.0', product: line.product, plan: 'small' },
  });
  await left.admin('startRollout', { params: { name }, body: {} });
  for (const mac of macs) {
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
  }
  await Promise.all([left.tick(), right.tick(), left.tick(), right.tick()]);
  expect(await left.admin('getRollout', { params: { name } })).toMatchObject({ status: 'running', stage: 'half' });
  const { items } = await left.admin('listAudit', { query: { action: 'rollout.promote' } });
  expect(items).toHaveLength(1);
  await right.stop();
  await left.end();
});

describe.each(DIALECTS)('a stage that takes nobody new on %s', (dialect) => {
  test('passes where an earlier one has shown the build, and never where none has', async () => {
    const first = await startTestServer({ dialect });
    await first.stop();
    writeFileSync(
      join(first.home, 'config/plans.yaml'),
      `plans:
  - name: small-fleet
    stages:
      - {name: pilot, label: pilot, promotion: auto, gate: {min_confirmed: 1, max_failed: 0}}
      - {name: pilot-again, label: pilot, promotion: auto, gate: {min_confirmed: 1}}
      - {name: all, label: general, promotion: auto, gate: {min_confirmed: 5}}
`,
    );
    const server = await startTestServer({ dialect, like: first });
    const line = new ProductLine(server);
    await line.add('1.1.0');
    const body = { version: '1.1.0', product: line.product, plan: 'small-fleet' };
    const { name } = await server.admin('createRollout', { body });
    await server.admin('startRollout', { params: { name }, body: {} });
    const after = async (): Promise<Rollout> => {
      server.clock.advance(5);
      await server.tick();
      return server.admin('getRollout', { params: { name } });
    };
    expect(await after(), 'nobody has the label of the pilot').toMatchObject({ stage: 'pilot' });
    await server.admin('abortRollout', { params: { name }, body: {} });

    const pilot = await line.newDevice('1.0.0', ['pilot']);
    const newer = await line.newDevice('2.0.0');
    const other = await line.newDevice('1.0.0');
    server.clock.advance(1);
    const again = await server.admin('createRollout', { body });
    await server.admin('startRollout', { params: { name: again.name }, body: {} });
    const update = async (mac: string): Promise<void> => {
      await line.take(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0');
    };
    const now = async (): Promise<Rollout> => {
      server.clock.advance(5);
      await server.tick();
      return server.admin('getRollout', { params: { name: again.name } });
    };
    await update(pilot);
    await now();
    expect(await now(), 'the pilot runs it, so its second stage has nobody to ask').toMatchObject({ stage: 'all' });
    expect(await now(), 'one still needs it').toMatchObject({ stage: 'all', status: 'running' });
    await update(other);
    // The one that runs a newer build is not waited for.
    expect(await line.checkIn(newer, '2.0.0')).toMatchObject({ update_available: false });
    expect(await now()).toMatchObject({ status: 'complete' });
    await server.end();
  });
});
