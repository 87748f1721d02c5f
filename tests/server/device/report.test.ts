// A device reports how far it is, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a report on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let mac: string;
  let assignment: number;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    mac = line.newMac();
    assignment = await line.offer(mac, '1.0.0');
  });
  afterAll(async () => server.end());

  test('takes the assignment forward and shows in the device', async () => {
    const steps = [
      { status: 'downloading', device: 'updating' },
      { status: 'downloaded', device: 'updating' },
      { status: 'installing', device: 'updating' },
      { status: 'trial', device: 'trial' },
      { status: 'failed', device: 'failed' },
    ] as const;
    for (const [sequence, { status, device }] of steps.entries()) {
      expect(await line.report(mac, assignment, sequence, status)).toMatchObject({
        status: 200,
        body: { state: status, duplicate: false },
      });
      expect((await line.detail(mac)).device.status).toBe(device);
    }
  });

  test('that is repeated is answered as a duplicate and taken once', async () => {
    await line.report(mac, assignment, 1, 'downloading');
    for (const status of ['downloading', 'failed'] as const) {
      expect((await line.report(mac, assignment, 1, status)).body).toEqual({ state: 'downloading', duplicate: true });
    }
  });

  test('that repeats a number and says something else is not taken, but told, noted and called, once an hour', async () => {
    const calls = async () => (await server.admin('getStatus')).calls.filter(({ kind }) => kind === 'reports_differ');
    const events = async () =>
      (await server.admin('listEvents', { query: { product: line.product, type: 'device.reports_differ' } })).items;
    server.clock.advance(86_400);
    const failure = { error_code: 'flash_write', detail: 'sector 12' };
    await line.report(mac, assignment, 1, 'downloading');
    await line.report(mac, assignment, 2, 'failed', failure);
    for (const _ of [1, 2]) await line.report(mac, assignment, 2, 'failed', failure);
    expect(await events(), 'a repeat that says the same').toEqual([]);
    expect(await calls()).toEqual([]);
    const notes = (await line.detail(mac)).device.notes;
    const others = [
      [1, 'failed', {}],
      [1, 'downloading', { detail: 'of somebody else' }],
      [2, 'failed', { ...failure, error_code: 'connection_lost' }],
      [2, 'failed', { error_code: 'flash_write' }],
    ] as const;
    for (const [sequence, status, more] of others) {
      server.clock.advance(3_600);
      const { body } = await line.report(mac, assignment, sequence, status, more);
      expect(body).toEqual({ state: 'failed', duplicate: true });
      await line.report(mac, assignment, sequence, status, more);
    }
    expect((await events()).map(({ data }) => data)).toEqual(
      others.toReversed().map(([sequence]) => ({ assignment_id: assignment, sequence })),
    );
    expect((await events())[0]).toMatchObject({ mac, type: 'device.reports_differ' });
    expect((await line.detail(mac)).device.notes).toEqual([
      ...notes,
      expect.stringContaining('one number (sequence) said different things'),
    ]);
    expect(await line.assignments(mac)).toMatchObject([{ state: 'failed', ...failure }]);
    expect(await calls()).toMatchObject([{ text: expect.stringContaining(mac) }]);
    server.clock.advance(86_401);
    expect(await calls()).toEqual([]);
  });

  test('is known when it is repeated, whichever came in between, and what is kept of them is bounded', async () => {
    const shuffled = Array.from({ length: MAX_KEPT_SEQUENCES }, (_, index) => (index * 7) % MAX_KEPT_SEQUENCES);
    for (const sequence of shuffled) await line.report(mac, assignment, sequence, 'downloading');
    for (const sequence of shuffled)
      expect((await line.report(mac, assignment, sequence, 'failed')).body).toEqual({
        state: 'downloading',
        duplicate: true,
      });
    for (let sequence = 1_000; sequence < 1_000 + 2 * MAX_KEPT_SEQUENCES; sequence += 1)
      await line.report(mac, assignment, sequence, 'downloaded');
    const before = await line.assignments(mac);
    const again = await line.report(mac, assignment, 0, 'downloading');
    expect(again.body, 'one that is forgotten is taken once more').toEqual({ state: 'downloaded', duplicate: false });
    expect(await line.assignments(mac), 'and changes nothing').toEqual(before);
    const raw = await openRaw(server);
    const [row] = await raw.query(`select reported from assignments where id = ${assignment}`);
    await raw.close();
    expect(String(row?.['reported']).split(',')).toHaveLength(MAX_KEPT_SEQUENCES);
  });

  test('that arrives late or out of order ends in the same state', async () => {
    const history = [
      { sequence: 1, status: 'downloading', more: {} },
      { sequence: 2, status: 'installing', more: {} },
      { sequence: 3, status: 'failed', more: { error_code: 'flash_write', detail: 'sector 12' } },
    ] as const;
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0, 2],
      [0, 0, 2, 1, 1],
    ]) {
      const other = line.newMac();
      const id = await line.offer(other, '1.0.0');
      for (const index of order) {
        const { sequence, status, more } = history[index] ?? history[0];
        await line.report(other, id, sequence, status, more);
      }
      expect(await line.assignments(other)).toMatchObject([
        { id, state: 'failed', error_code: 'flash_write', detail: 'sector 12' },
      ]);
    }
  });

  test('in a burst of all of them at once ends in the same state', async () => {
    const statuses = ['downloading', 'downloaded', 'installing', 'trial', 'rolled_back'] as const;
    const answers = await Promise.all(
      [...statuses, ...statuses].map(async (status, index) =>
        line.report(mac, assignment, index % statuses.length, status),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter(({ body }) => body['duplicate'] === true)).toHaveLength(statuses.length);
    expect(await line.assignments(mac)).toMatchObject([{ state: 'rolled_back' }]);
  });

  test('for an assignment of another device, or of none, is refused and changes nothing', async () => {
    const other = await line.newDevice('1.0.0');
    for (const [sender, id] of [
      [other, assignment],
      [mac, 999_999],
      [line.newMac(), assignment],
    ] as const) {
      expect(await line.report(sender, id, 1, 'failed')).toMatchObject({
        status: 404,
        body: { error: { code: 'assignment_unknown' } },
      });
    }
    expect(await line.assignments(mac)).toMatchObject([{ state: 'offered' }]);
  });

  test('that comes after a new attempt has begun leaves that one alone', async () => {
    await line.report(mac, assignment, 5, 'failed', { error_code: 'connection_lost' });
    server.clock.advance(61);
    const second = await line.offer(mac, '1.0.0');
    expect(second).not.toBe(assignment);
    await line.report(mac, second, 1, 'downloading');
    expect((await line.report(mac, assignment, 4, 'downloading')).body).toEqual({ state: 'failed', duplicate: false });
    expect((await line.report(mac, assignment, 6, 'rolled_back', { error_code: 'power' })).body).toMatchObject({
      state: 'rolled_back',
    });
    const { device, assignments } = await line.detail(mac);
    expect(device.status).toBe('updating');
    expect(assignments).toMatchObject([
      { id: second, state: 'downloading', attempt: 2 },
      { id: assignment, state: 'rolled_back', attempt: 1 },
    ]);
  });

  test('that is lost costs nothing: the check-in tells', async () => {
    expect(await line.checkIn(mac, '1.1.0', ON_TRIAL)).toMatchObject({ reason: 'trial_running' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'trial' }]);
    expect((await line.detail(mac)).device.status).toBe('trial');
    expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'confirmed' }]);
    expect((await line.detail(mac)).device.status).toBe('ok');
  });

  test('of confirmed is a claim until the device was seen running the build', async () => {
    expect((await line.report(mac, assignment, 1, 'confirmed')).body).toMatchObject({ state: 'trial' });
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 0, on_trial: 1 });
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 1, on_trial: 0 });
  });

  test.each([
    { reported: 'installing', state: 'failed' },
    { reported: 'trial', state: 'rolled_back' },
    { reported: 'downloaded', state: 'downloaded' },
  ] as const)('of $reported and a check-in on the old version: $state', async ({ reported, state }) => {
    await line.report(mac, assignment, 1, reported);
    await line.checkIn(mac, '1.0.0', CAME_BACK);
    expect(await line.assignments(mac)).toMatchObject([{ id: assignment, state }]);
  });

  test('of rolled back after an abort still counts', async () => {
    await line.report(mac, assignment, 1, 'installing');
    await line.move('1.1.0', 'abort');
    expect(await line.assignments(mac)).toMatchObject([{ state: 'superseded' }]);
    await line.report(mac, assignment, 2, 'rolled_back', { error_code: 'crash' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'rolled_back', error_code: 'crash' }]);
    await line.rollOut('1.1.0', 'draft');
    expect((await line.detail(mac)).builds).toMatchObject([{ version: '1.1.0', known_bad: true }]);
  });
});
