// The way back by itself: a gate that fails, or an abort, sends the devices home that took the build. On both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: home
    stages:
      - {name: all, label: general, promotion: auto, gate: {min_confirmed: 5, max_failed: 0, on_halt: revert}}
`;

describe.each(DIALECTS)('the way back on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  let boards: string[];
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    server.clock.advance(1);
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    // There before the rollout, so that they count.
    boards = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
  });
  afterAll(async () => server.end());

  const begin = async (plan = 'home'): Promise<void> => {
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const rollout = async (): Promise<Rollout> => server.admin('getRollout', { params: { name } });
  const nextBoard = (): string => boards.pop() ?? '';
  const update = async (): Promise<string> => {
    const mac = nextBoard();
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0');
    return mac;
  };
  const crash = async (): Promise<string> => {
    const mac = nextBoard();
    await line.take(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.0.0', CAME_BACK);
    return mac;
  };

  test('a gate that fails sends home who took the build, and nobody else', async () => {
    await begin();
    const happy = await update();
    const under = nextBoard();
    await line.take(under, '1.0.0');
    const crashed = await crash();
    expect(await rollout()).toMatchObject({
      status: 'halted',
      reverted_at: new Date(server.clock.nowMs).toISOString(),
      reverts_to: '1.0.0',
    });
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({
      update_available: true,
      rollback: true,
      reason: 'reverted_go_back',
      manifest: { version: '1.0.0' },
    });
    expect(await line.checkIn(crashed, '1.0.0')).toMatchObject({ reason: 'rollout_halted' });
    // In the middle of it when the gate failed: it ends its update first, then it rolls back, too.
    expect(await line.checkIn(under, '1.1.0', ON_TRIAL)).toMatchObject({ reason: 'trial_running' });
    expect(await line.checkIn(under, '1.1.0')).toMatchObject({ rollback: true, manifest: { version: '1.0.0' } });

    expect(await line.checkIn(happy, '1.0.0')).toMatchObject({ update_available: false });
    expect(await line.assignments(happy)).toMatchObject([
      { version: '1.0.0', rollback: true, state: 'confirmed' },
      { version: '1.1.0', state: 'confirmed' },
    ]);
    const [halt] = (await server.admin('listAudit', { query: { subject: name } })).items;
    expect(halt).toMatchObject({ actor: 'gate', action: 'rollout.halt', details: { revert: true } });
  });

  test('explain says why a device rolls back', async () => {
    await begin();
    const happy = await update();
    await crash();
    expect(await line.explain(happy)).toMatchObject({
      outcome: 'rollback',
      reason: 'reverted_go_back',
      version: '1.0.0',
      to_change: null,
    });
  });

  test('a resume ends it: who is still on the build stays', async () => {
    await begin();
    const happy = await update();
    await crash();
    await server.admin('resumeRollout', { params: { name }, body: { reason: 'the board had a bad supply' } });
    expect(await rollout()).toMatchObject({ status: 'running', reverted_at: null, reverts_to: null });
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({ update_available: false, reason: 'up_to_date' });
  });

  test('an abort keeps what devices run, unless it says revert', async () => {
    await begin('default');
    await server.admin('promoteRollout', { params: { name }, body: {} });
    const happy = await update();
    await server.admin('abortRollout', { params: { name }, body: {} });
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({ update_available: false, reason: 'newer_than_target' });

    await begin('default');
    await server.admin('promoteRollout', { params: { name }, body: {} });
    const aborted = await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    expect(aborted).toMatchObject({ status: 'aborted', reverts_to: '1.0.0' });
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({ rollback: true, reason: 'reverted_go_back' });
  });

  test('a build that goes out again is not rolled back any more', async () => {
    await begin();
    const happy = await update();
    await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({ rollback: true });
    await begin();
    expect(await line.checkIn(happy, '1.1.0')).toMatchObject({ reason: 'up_to_date' });
    expect(await line.assignments(happy)).toMatchObject([{ rollback: true, state: 'superseded' }, {}]);
  });

  test('without a prior stable build devices stay, and everybody who asks is told so', async () => {
    const fresh = new ProductLine(server);
    await fresh.add('1.1.0');
    await fresh.rollOut('1.1.0', 'expand');
    const mac = fresh.newMac();
    await fresh.offer(mac, '1.0.0');
    await fresh.checkIn(mac, '1.1.0');
    const params = { name: fresh.rolloutName('1.1.0') };
    expect(await server.admin('abortRollout', { params, body: { revert: true } })).toMatchObject({
      reverted_at: new Date(server.clock.nowMs).toISOString(),
      reverts_to: null,
    });
    expect(await fresh.checkIn(mac, '1.1.0')).toMatchObject({ reason: 'blocked_without_prior_stable' });
  });

  test('a build that is itself what devices roll back to cannot be reverted', async () => {
    await line.makeStable('1.2.0');
    const again = await server.admin('createRollout', { body: { version: '1.2.0', product: line.product } });
    await server.admin('startRollout', { params: { name: again.name }, body: {} });
    const refused = await server.tryAdmin('abortRollout', { params: { name: again.name }, body: { revert: true } });
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { code: 'invalid_transition', message: expect.stringContaining('completed') } },
    });
    expect(await server.admin('getRollout', { params: { name: again.name } })).toMatchObject({ status: 'running' });
    expect(await server.admin('abortRollout', { params: { name: again.name }, body: {} })).toMatchObject({
      status: 'aborted',
    });
  });
});
