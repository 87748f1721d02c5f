// Rollouts from draft to complete and every way out, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a rollout on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const refused = async (version: string, command: 'start' | 'promote' | 'pause' | 'resume' | 'abort') =>
    server.tryAdmin(`${command}Rollout`, { params: { name: line.rolloutName(version) }, body: {} });

  test('offers nothing while it is a draft', async () => {
    await line.add('1.1.0');
    expect(await line.rollOut('1.1.0', 'draft')).toMatchObject({ status: 'draft', stage: null, started_at: null });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
  });

  test('goes through its stages with the times of each', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft', 'lab');
    const at = () => new Date(server.clock.nowMs).toISOString();
    const startedAt = at();
    expect(await line.move('1.1.0', 'start')).toMatchObject({
      status: 'running',
      stage: 'pilot',
      target_label: 'lab',
      started_at: startedAt,
      stages: [
        { stage: 'pilot', label: 'lab', opened_at: startedAt, closed_at: null },
        { stage: 'expand', label: 'general', opened_at: null, closed_at: null },
      ],
    });
    server.clock.advance(3600);
    const promotedAt = at();
    expect(await line.move('1.1.0', 'promote')).toMatchObject({
      status: 'running',
      stage: 'expand',
      target_label: 'general',
      stages: [
        { opened_at: startedAt, closed_at: promotedAt },
        { opened_at: promotedAt, closed_at: null },
      ],
    });
    server.clock.advance(3600);
    expect(await line.move('1.1.0', 'promote')).toMatchObject({
      status: 'complete',
      stage: 'expand',
      ended_at: at(),
      stages: [{ closed_at: promotedAt }, { closed_at: at() }],
    });
    const { stable } = await server.admin('getFirmware', {
      params: { version: '1.1.0' },
      query: { product: line.product },
    });
    expect(stable).toBe(true);
  });

  test('holds offers while it is paused and goes on with the same assignments', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const assignment = await line.offer(mac, '1.0.0');
    await line.report(mac, assignment, 1, 'downloading');
    expect(await line.move('1.1.0', 'pause')).toMatchObject({ status: 'paused', stage: 'expand' });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'rollout_paused' });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ reason: 'rollout_paused' });
    expect(await line.assignments(mac)).toMatchObject([{ id: assignment, state: 'downloading' }]);
    await line.move('1.1.0', 'resume');
    expect(await line.offer(mac, '1.0.0')).toBe(assignment);
  });

  test('that is paused counts a device that was in the middle of it', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0');
    await line.rollOut('1.1.0', 'expand');
    await line.take(mac, '1.0.0');
    await line.move('1.1.0', 'pause');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0');
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ healthy: 1, waiting: 0 });
  });

  test('that is aborted offers nothing more, and devices keep what they run', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const offered = line.newMac();
    const updated = line.newMac();
    await line.offer(offered, '1.0.0');
    await line.offer(updated, '1.0.0');
    await line.checkIn(updated, '1.1.0');
    const { name } = await line.rollout('1.1.0');
    expect(await server.admin('abortRollout', { params: { name }, body: { reason: 'wrong build' } })).toMatchObject({
      status: 'aborted',
      ended_reason: 'wrong build',
    });
    expect(await line.checkIn(offered, '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
    expect(await line.checkIn(updated, '1.1.0')).toMatchObject({ reason: 'nothing_to_offer' });
    expect(await line.assignments(offered)).toMatchObject([{ state: 'superseded' }]);
    expect(await line.assignments(updated)).toMatchObject([{ state: 'confirmed' }]);
  });

  test('refuses a step that its state does not have, with what can be done instead', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    for (const command of ['promote', 'pause', 'resume'] as const) {
      expect(await refused('1.1.0', command)).toMatchObject({
        status: 409,
        body: { error: { code: 'invalid_transition', hint: 'start or abort it' } },
      });
    }
    await line.move('1.1.0', 'start');
    expect(await refused('1.1.0', 'start')).toMatchObject({ status: 409 });
    await line.move('1.1.0', 'abort');
    expect(await refused('1.1.0', 'abort')).toMatchObject({
      status: 409,
      body: { error: { code: 'invalid_transition', hint: 'create a new rollout, or undo this one' } },
    });
    expect(await refused('9.9.9', 'start')).toMatchObject({
      status: 404,
      body: { error: { code: 'rollout_unknown' } },
    });
  });

  test('does not start unless its firmware is marked pilot ready', async () => {
    await line.add('1.1.0', { ready: false });
    await line.rollOut('1.1.0', 'draft');
    expect(await refused('1.1.0', 'start')).toMatchObject({
      status: 409,
      body: { error: { code: 'not_pilot_ready' } },
    });
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'draft', started_at: null });
    await server.admin('setPilotReady', { params: { version: '1.1.0' }, query: { product: line.product }, body: {} });
    expect(await line.move('1.1.0', 'start')).toMatchObject({ status: 'running' });
  });

  test('holds when its firmware is taken back from pilot ready while it runs', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = await line.newDevice('1.0.0');
    const name = { params: { version: '1.1.0' }, query: { product: line.product } };
    await server.admin('setPilotReady', { ...name, body: { ready: false } });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'firmware_withdrawn' });
  });

  test('is the only open one of its product', async () => {
    await line.add('1.1.0');
    await line.add('1.2.0');
    await line.rollOut('1.1.0', 'pilot');
    await line.rollOut('1.2.0', 'draft');
    const conflict = { status: 409, body: { error: { code: 'rollout_conflict' } } };
    expect(await refused('1.2.0', 'start')).toMatchObject(conflict);
    await line.move('1.1.0', 'pause');
    expect(await refused('1.2.0', 'start'), 'paused is open').toMatchObject(conflict);
    await line.move('1.1.0', 'abort');
    expect(await line.move('1.2.0', 'start')).toMatchObject({ status: 'running' });
  });

  test('is started once when two operators start two at the same moment', async () => {
    await line.add('1.1.0');
    await line.add('1.2.0');
    await line.rollOut('1.1.0', 'draft');
    await line.rollOut('1.2.0', 'draft');
    const answers = await Promise.all([refused('1.1.0', 'start'), refused('1.2.0', 'start')]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(1);
  });

  test('of one product does not touch another product', async () => {
    const other = new ProductLine(server);
    await line.add('1.1.0');
    await other.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const stranger = other.newMac();
    expect(await other.checkIn(stranger, '1.0.0')).toMatchObject({ reason: 'nothing_to_offer' });
    await other.rollOut('1.1.0', 'expand');
    expect(await other.checkIn(stranger, '1.0.0')).toMatchObject({ url: expect.stringContaining(other.product) });
    await line.block('1.1.0');
    expect(await other.checkIn(stranger, '1.0.0')).toMatchObject({ update_available: true });
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ targeted: 0, waiting: 0 });
  });

  test('that is complete reaches devices that come late, and those outside of the next pilot', async () => {
    await line.makeStable('1.1.0');
    const late = line.newMac();
    expect(await line.checkIn(late, '1.0.0')).toMatchObject({ manifest: { version: '1.1.0' } });
    expect(await line.checkIn(late, '1.1.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.outcomes('1.1.0', 'expand')).toMatchObject({ targeted: 0, uncounted: 1 });

    const pilot = await line.newDevice('1.1.0', ['pilot']);
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'pilot');
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ manifest: { version: '1.1.0' } });
    expect(await line.checkIn(late, '1.1.0')).toMatchObject({ reason: 'not_in_stage' });
    expect(await line.checkIn(pilot, '1.1.0')).toMatchObject({ manifest: { version: '1.2.0' } });
  });

  test('of an older build does not take devices back', async () => {
    await line.makeStable('1.2.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'complete');
    expect(await line.checkIn(line.newMac(), '1.2.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.checkIn(line.newMac(), '1.0.0')).toMatchObject({ manifest: { version: '1.2.0' } });
    expect(await line.checkIn(line.newMac(), '1.3.0')).toMatchObject({ reason: 'newer_than_target' });
  });

  test('replaces an open offer of the stable build when its stage includes the device', async () => {
    await line.makeStable('1.1.0');
    const mac = line.newMac();
    const first = await line.offer(mac, '1.0.0');
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    const second = await line.offer(mac, '1.0.0');
    expect(await line.assignments(mac)).toMatchObject([
      { id: second, state: 'offered', version: '1.2.0', attempt: 1 },
      { id: first, state: 'superseded', version: '1.1.0' },
    ]);
  });

  test('counts every board of a stage in one column, and boards that came after its start beside them', async () => {
    await line.add('1.1.0');
    const pilots = [await line.newDevice('1.0.0', ['pilot']), await line.newDevice('1.0.0', ['pilot'])] as const;
    const states = ['offered', 'downloading', 'installing', 'trial', 'failed', 'rolled_back', 'rejected'] as const;
    const others: string[] = [];
    for (const _ of states) others.push(await line.newDevice('1.0.0'));
    await line.rollOut('1.1.0', 'pilot');
    expect(await line.outcomes('1.1.0', 'expand'), 'what the stage will aim at').toMatchObject({ targeted: 7 });
    await line.take(pilots[0], '1.0.0');
    await line.checkIn(pilots[0], '1.1.0');
    expect(await line.outcomes('1.1.0', 'pilot'), 'one never asked').toMatchObject({
      targeted: 2,
      waiting: 1,
      healthy: 1,
    });
    server.clock.advance(1);
    const late = await line.newDevice('1.0.0', ['pilot']);
    expect(await line.outcomes('1.1.0', 'pilot'), 'its label came after the stage').toMatchObject({ targeted: 2 });
    await line.move('1.1.0', 'promote');

    for (const [index, state] of states.entries()) {
      const mac = others[index] ?? '';
      const id = await line.offer(mac, '1.0.0');
      if (state !== 'offered') await line.report(mac, id, 1, state);
    }
    expect(await line.outcomes('1.1.0', 'pilot'), 'its label counts now').toMatchObject({ targeted: 2, uncounted: 1 });
    await line.offer(late, '1.0.0');
    const columns = {
      targeted: 7,
      waiting: 1,
      updating: 2,
      on_trial: 1,
      soaking: 0,
      healthy: 0,
      failed: 3,
      crashing: 0,
      lost: 0,
      not_now: 0,
      other: 0,
      uncounted: 0,
      asleep: 0,
    };
    expect(await line.outcomes('1.1.0', 'expand')).toEqual(columns);
    expect(await line.outcomes('1.1.0', 'pilot')).toMatchObject({ targeted: 2, waiting: 1, healthy: 1, uncounted: 1 });
    server.clock.advance(3 * 1_200 + 1);
    await server.tick();
    expect(await line.outcomes('1.1.0', 'expand'), 'nobody was heard of for three polls').toEqual({
      ...columns,
      waiting: 2,
      updating: 0,
      on_trial: 0,
      lost: 2,
    });
  });

  test('gets a name of its own, or the one it is given', async () => {
    await line.add('1.1.0');
    const body = { version: '1.1.0', product: line.product };
    expect(await server.admin('createRollout', { body })).toMatchObject({ name: `${line.product}-1.1.0` });
    expect(await server.admin('createRollout', { body })).toMatchObject({ name: `${line.product}-1.1.0-2` });
    const named = { ...body, name: `${line.product}-spring` };
    expect(await server.admin('createRollout', { body: named })).toMatchObject({ name: named.name });
    expect(await server.tryAdmin('createRollout', { body: named })).toMatchObject({
      status: 409,
      body: { error: { code: 'name_taken' } },
    });
  });

  test('is not created for what cannot be', async () => {
    const create = async (body: Readonly<Record<string, string>>) => server.tryAdmin('createRollout', { body });
    expect(await create({ version: '4.0.4' })).toMatchObject({
      status: 404,
      body: { error: { code: 'firmware_unknown' } },
    });
    await line.add('1.1.0');
    expect(await create({ version: '1.1.0', product: line.product, pilot_label: 'general' })).toMatchObject({
      status: 409,
      body: { error: { code: 'name_reserved' } },
    });
    await new ProductLine(server).add('1.1.0');
    expect(await create({ version: '1.1.0' })).toMatchObject({
      status: 409,
      body: { error: { code: 'version_ambiguous' } },
    });
    await line.block('1.1.0');
    expect(await create({ version: '1.1.0', product: line.product })).toMatchObject({
      status: 403,
      body: { error: { code: 'firmware_blocked' } },
    });
  });
});
