// What is an event, that it is written with the change or not at all, and how it is listed and pruned. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ASSIGNMENT_STATES } from '#protocol/admin/states.ts';
import { EVENT_TYPES, type Event } from '#protocol/admin/events.ts';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { untilSettled } from '../../support/server/settled.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;

/** What becomes of a board that has the build. */
const WATCHED = ['healthy', 'crashing', 'lost'];

test('every state of an assignment has its event, and so has what becomes of its board afterwards', () => {
  expect(
    Object.keys(EVENT_TYPES)
      .filter((type) => type.startsWith('assignment.'))
      .toSorted(),
  ).toEqual([...ASSIGNMENT_STATES, ...WATCHED].map((state) => `assignment.${state}`).toSorted());
});

describe.each(BOTH)('events on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  /** Of this product, the first one first. */
  const events = async (query: Readonly<Record<string, string>> = {}): Promise<readonly Event[]> => {
    const filter = { product: line.product, sort: 'id', limit: '500', ...query };
    return (await server.admin('listEvents', { query: filter })).items;
  };
  const types = async (): Promise<readonly string[]> => (await events()).map(({ type }) => type);
  const move = async (command: 'start' | 'pause' | 'resume' | 'promote' | 'abort', reason: string) =>
    server.admin(`${command}Rollout`, { params: { name: line.rolloutName('1.1.0') }, body: { reason } });

  test('tell the whole life of a rollout with its stages, who moved it and why', async () => {
    await line.rollOut('1.1.0', 'draft');
    for (const command of ['start', 'pause', 'resume', 'promote', 'promote'] as const)
      await move(command, `${command}!`);
    const told = await events();
    const rollout = { product: line.product, rollout: line.rolloutName('1.1.0'), version: '1.1.0', mac: null };
    expect(told).toMatchObject([
      { type: 'rollout.created', stage: null, from: null, data: { actor: 'admin', plan: 'default' }, ...rollout },
      { type: 'stage.opened', stage: 'pilot', data: { label: 'pilot', percentage: 100 }, ...rollout },
      { type: 'rollout.started', stage: 'pilot', from: 'draft', data: { status: 'running', reason: 'start!' } },
      { type: 'rollout.paused', stage: 'pilot', from: 'running', data: { actor: 'admin', reason: 'pause!' } },
      { type: 'rollout.resumed', stage: 'pilot', from: 'paused' },
      { type: 'stage.closed', stage: 'pilot' },
      { type: 'stage.opened', stage: 'expand' },
      { type: 'rollout.promoted', stage: 'expand', from: 'running', data: { from_stage: 'pilot' } },
      { type: 'stage.closed', stage: 'expand' },
      { type: 'rollout.completed', stage: 'expand', from: 'running', data: { status: 'complete' } },
    ]);
    expect(told.map(({ at }) => at)).toEqual(told.map(() => new Date(server.clock.nowMs).toISOString()));
  });

  test('tell how far each device is, and what it reported', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const id = await line.offer(mac, '1.0.0');
    await line.report(mac, id, 1, 'downloading');
    await line.report(mac, id, 2, 'downloading');
    await line.report(mac, id, 3, 'downloaded');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0');
    const told = (await events({ type: 'assignment' })).map(({ type, from }) => [type, from]);
    expect(told).toEqual([
      ['assignment.offered', null],
      ['assignment.downloading', 'offered'],
      ['assignment.downloaded', 'downloading'],
      ['assignment.trial', 'downloaded'],
      ['assignment.confirmed', 'trial'],
      ['assignment.healthy', 'confirmed'],
    ]);
    const [offered] = await events({ type: 'assignment.offered' });
    expect(offered).toMatchObject({
      mac,
      assignment_id: id,
      rollout: line.rolloutName('1.1.0'),
      stage: 'expand',
      version: '1.1.0',
      data: { attempt: 1, rollback: false },
    });
  });

  test('tell why a device failed', async () => {
    await line.rollOut('1.1.0', 'expand');
    const [reporting, silent] = [line.newMac(), line.newMac()];
    const id = await line.offer(reporting, '1.0.0');
    await line.report(reporting, id, 1, 'failed', { error_code: 'flash_write_failed', detail: 'line 1 "quoted"' });
    await line.offer(silent, '1.0.0');
    await line.checkIn(silent, '1.1.0', ON_TRIAL);
    await line.checkIn(silent, '1.0.0', CAME_BACK);
    expect(await events({ type: 'assignment.failed' })).toMatchObject([
      { mac: reporting, from: 'offered', data: { detail: 'line 1 "quoted"' } },
    ]);
    expect(await events({ type: 'assignment.rolled_back' })).toMatchObject([
      { mac: silent, from: 'trial', data: { boot_cause: expect.any(String) } },
    ]);
  });

  test('tell of every device whose update ended with the rollout', async () => {
    await line.rollOut('1.1.0', 'expand');
    const macs = [line.newMac(), line.newMac(), line.newMac()];
    for (const mac of macs) await line.offer(mac, '1.0.0');
    await line.checkIn(macs[0] ?? '', '1.1.0');
    await line.block('1.1.0');
    expect((await events({ type: 'assignment.superseded' })).map(({ mac, from }) => [mac, from])).toEqual([
      [macs[1], 'offered'],
      [macs[2], 'offered'],
    ]);
    expect(await events({ type: 'rollout.aborted' })).toMatchObject([
      { from: 'running', data: { reason: 'its firmware was blocked' } },
    ]);
  });

  test('tell of every device that was silent past its deadline, once', async () => {
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    server.clock.advance(DAY_S);
    await server.tick();
    await server.tick();
    expect(await events({ type: 'assignment.timed_out' })).toMatchObject([{ mac, from: 'offered' }]);
  });

  test('tell what a gate does by itself', async () => {
    const mac = await line.newDevice('1.0.0', ['pilot']);
    const name = `${line.product}-gated`;
    const body = { version: '1.1.0', product: line.product, plan: 'careful', name };
    await server.admin('createRollout', { body });
    await server.admin('startRollout', { params: { name }, body: {} });
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0');
    for (let quarter = 0; quarter < 4; quarter += 1) {
      expect(await events({ type: 'assignment.healthy' })).toEqual([]);
      await server.tick();
      server.clock.advance(900);
      await line.checkIn(mac, '1.1.0');
    }
    expect(await events({ type: 'assignment.healthy' })).toMatchObject([
      { stage: 'pilot', rollout: name, mac, from: 'confirmed' },
    ]);
    await server.tick();
    const promoted = { type: 'rollout.promoted', from: 'running', data: { actor: 'gate', from_stage: 'pilot' } };
    expect(await events({ type: 'rollout' })).toMatchObject([{}, {}, promoted]);
  });

  test('say of a rollout that was taken back that its devices roll back', async () => {
    await line.rollOut('1.1.0', 'expand');
    await server.admin('abortRollout', { params: { name: line.rolloutName('1.1.0') }, body: { revert: true } });
    expect(await events({ type: 'rollout.aborted' })).toMatchObject([{ from: 'running', data: { revert: true } }]);
    expect((await events({ type: 'rollout.started' }))[0]?.data).not.toHaveProperty('revert');
  });

  test('are none for what changes nothing', async () => {
    await line.rollOut('1.1.0', 'pilot');
    const mac = await line.newDevice('1.0.0', ['pilot']);
    const id = await line.offer(mac, '1.0.0');
    await line.report(mac, id, 1, 'downloading');
    const before = await types();
    await line.report(mac, id, 1, 'downloading');
    await line.report(mac, id, 2, 'downloading');
    await line.checkIn(mac, '1.0.0');
    await line.checkIn(line.newMac(), '1.1.0');
    expect(
      (await server.tryAdmin('startRollout', { params: { name: line.rolloutName('1.1.0') }, body: {} })).status,
    ).toBe(409);
    expect(await types()).toEqual(before);
  });

  test('are listed by rollout, product, type and group, after an id, in both orders', async () => {
    await line.rollOut('1.1.0', 'expand');
    const all = await events();
    expect((await events({ rollout: line.rolloutName('1.1.0') })).map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    expect(await events({ rollout: 'another' })).toEqual([]);
    expect((await events({ type: 'stage' })).map(({ type }) => type)).toEqual([
      'stage.opened',
      'stage.closed',
      'stage.opened',
    ]);
    expect(await events({ after: all[1]?.id ?? '' })).toEqual(all.slice(2));
    expect(await events({ after: '0' })).toEqual(all);
    expect(await events({ sort: '-id' })).toEqual(all.toReversed());
  });

  test.each(['garbage', '1', '-1', '1-', '1-2-3', '1-99999999999999999', "0-1' or '1'='1"])(
    'after %s is refused with what to do',
    async (after) => {
      const { status, body } = await server.tryAdmin('listEvents', { query: { after } });
      expect({ status, body }).toMatchObject({ status: 400, body: { error: { code: 'cursor_invalid' } } });
    },
  );

  test('of another type are refused with the types that there are', async () => {
    const { status, body } = await server.tryAdmin('listEvents', { query: { type: 'rollout.moved' } });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toMatch(/rollout\.created/);
  });

  test('are forgotten after 90 days, all but the last one', async () => {
    // Of its own: rollouts of other tests go on by themselves as the months pass.
    const alone = await startTestServer({ dialect });
    onTestFinished(async () => alone.end());
    const own = new ProductLine(alone);
    await own.add('1.1.0');
    await own.rollOut('1.1.0', 'expand');
    const raw = await openRaw(alone);
    onTestFinished(async () => raw.close());
    const kept = async () => (await raw.query('select type from events order by id')).map(({ type }) => type);
    const tickAfter = async (days: number): Promise<void> => {
      alone.clock.advance(days * DAY_S);
      await untilSettled(alone);
      await alone.tick();
    };
    await tickAfter(89);
    expect((await kept()).length).toBeGreaterThan(4);
    alone.clock.advance(2 * DAY_S);
    await own.move('1.1.0', 'pause');
    await tickAfter(0);
    expect(await kept()).toEqual(['rollout.paused']);
    await tickAfter(91);
    expect(await kept()).toEqual(['rollout.paused']);
  });
});
