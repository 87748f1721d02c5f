// Boards that a person turned away in the middle of a rollout: nothing is heard of them any more, and that says nothing of a build. Over
// real HTTPS.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const HOUR_S = 3_600;
const DAY_S = 86_400;

describe.each(DIALECTS)('a rollout on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let name: string;
  /** By MAC. */
  let tokens: Map<string, string>;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    tokens = new Map();
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
  });
  afterAll(async () => server.end());

  const check = async (mac: string, version: string, more: object = {}) => {
    const body = { mac, current_version: version, labels: [], product: line.product, chip: 'esp32', ...more };
    return server.json('POST', '/api/v1/check-update', { token: tokens.get(mac) ?? '', body });
  };
  /** Boards with tokens of their own that count in a rollout which starts then. */
  const enrol = async (count: number): Promise<readonly string[]> => {
    for (let board = 0; board < count; board += 1) {
      const mac = await line.newDevice('1.0.0', ['pilot']);
      const token = `otd_${randomBytes(32).toString('base64url')}`;
      tokens.set(mac, token);
      await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
    }
    server.clock.advance(2 * DAY_S);
    for (const mac of tokens.keys()) await check(mac, '1.0.0');
    return [...tokens.keys()];
  };
  const begin = async (more: object = {}): Promise<void> => {
    name = line.rolloutName('1.1.0');
    const gate = { min_confirmed: 3, max_failed: 0, soak_s: 600 };
    const pilot = { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'auto', gate, ...more };
    const all = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' };
    await server.admin('setPlan', { params: { name }, body: { stages: [pilot, all] } });
    server.clock.advance(1);
    await server.admin('createRollout', { body: { name, version: '1.1.0', product: line.product, plan: name } });
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const take = async (mac: string): Promise<number> => {
    const id = Number((await check(mac, '1.0.0')).body['assignment_id']);
    await say(mac, id, 1, 'downloading');
    return id;
  };
  const say = async (mac: string, id: number, sequence: number, status: string) =>
    server.json('POST', '/api/v1/report-status', {
      token: tokens.get(mac) ?? '',
      body: { mac, assignment_id: id, sequence, status },
    });
  const revoke = async (macs: readonly string[]): Promise<void> => {
    for (const device of macs) await server.admin('revokeToken', { params: { device } });
  };
  /** These go on checking in. */
  const pass = async (seconds: number, macs: readonly string[]): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 300) {
      server.clock.advance(300);
      for (const mac of macs) await check(mac, '1.1.0');
      await server.tick();
    }
  };
  const rollout = async () => server.admin('getRollout', { params: { name } });

  test.each(['on trial', 'soaking', 'healthy', 'lost'] as const)(
    'goes on where boards are turned away that were %s on its build',
    async (state) => {
      const macs = await enrol(4);
      const [gone, others] = [macs.slice(0, 2), macs.slice(2)];
      await begin();
      for (const mac of macs) {
        await take(mac);
        await check(mac, '1.1.0', ON_TRIAL);
        if (state !== 'on trial') await check(mac, '1.1.0');
      }
      if (state === 'healthy') await pass(900, macs);
      if (state === 'lost') server.clock.advance(HOUR_S);
      await revoke(gone);
      await pass(4 * HOUR_S, others);
      const { status, stage, stages } = await rollout();
      expect({ status, stage }).toEqual({ status: 'running', stage: 'all' });
      expect(stages[0]?.outcomes).toMatchObject({ healthy: 2, lost: 0, uncounted: 2, targeted: 2 });
      expect((await server.admin('getStatus')).calls.filter((call) => call.rollout === name)).toEqual([]);
    },
  );

  test('does not wait for a board that is turned away before its turn, and says so', async () => {
    const [one = '', two = '', gone = ''] = await enrol(3);
    await begin({ max_in_flight: 2 });
    for (const mac of [one, two]) await take(mac);
    expect((await check(gone, '1.0.0')).body).toMatchObject({ reason: 'in_flight_limit' });
    await revoke([gone]);
    for (const mac of [one, two]) await check(mac, '1.1.0', ON_TRIAL);
    await pass(HOUR_S, [one, two]);
    const { stage, left_out } = await rollout();
    expect({ stage, left_out }).toMatchObject({ stage: 'all', left_out: [{ reason: 'token_revoked', devices: 1 }] });
  });

  test('keeps in its count that the build failed on a board before that was turned away', async () => {
    const [failed = '', ...others] = await enrol(4);
    await begin();
    const id = await take(failed);
    await check(failed, '1.1.0', ON_TRIAL);
    await say(failed, id, 2, 'rolled_back');
    await revoke([failed]);
    await pass(600, others);
    expect(await rollout()).toMatchObject({ status: 'halted' });
  });

  test('takes back what a board was offered that is turned away, and gives its place to the next', async () => {
    const [one = '', two = ''] = await enrol(2);
    await begin({ max_in_flight: 1 });
    await take(one);
    expect((await check(two, '1.0.0')).body).toMatchObject({ reason: 'in_flight_limit' });
    await revoke([one]);
    expect((await check(two, '1.0.0')).body).toMatchObject({ update_available: true });
    expect((await line.assignments(one))[0]).toMatchObject({ state: 'superseded', not_counted: 'revoked' });
  });

  test('counts a board again that was turned away by mistake and is let in', async () => {
    const macs = await enrol(3);
    const [back = ''] = macs;
    await begin();
    for (const mac of macs) {
      await take(mac);
      await check(mac, '1.1.0', ON_TRIAL);
      await check(mac, '1.1.0');
    }
    await revoke([back]);
    expect((await rollout()).stages[0]?.outcomes).toMatchObject({ targeted: 2, uncounted: 1 });
    const body = { mac: back, token: tokens.get(back) };
    await server.admin('reopenEnrolment', { params: { device: back } });
    await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body });
    expect((await rollout()).stages[0]?.outcomes).toMatchObject({ targeted: 3, uncounted: 0 });
    await pass(HOUR_S, macs);
    expect(await rollout()).toMatchObject({ stage: 'all' });
  });

  test('is not taken for an outage where witnesses were turned away: a bad build halts', async () => {
    const pilots = await enrol(3);
    const witnesses: string[] = [];
    for (let board = 0; board < 6; board += 1) witnesses.push(await line.newDevice('1.0.0'));
    await begin();
    for (const mac of pilots) {
      await take(mac);
      await check(mac, '1.1.0', ON_TRIAL);
    }
    const where = `product = ${line.product} and not label pilot`;
    const body = { verb: 'revoke', where, limit: 2, confirm: true };
    expect(await server.admin('changeInBulk', { body }), 'boards that never enrolled').toMatchObject({ changed: 2 });
    for (let passed = 0; passed < 2 * HOUR_S - 600; passed += 300) {
      server.clock.advance(300);
      for (const mac of witnesses) await line.checkIn(mac, '1.0.0');
      await server.tick();
    }
    const { status, halted_reason: reason } = await rollout();
    expect({ status, reason }).toMatchObject({ status: 'halted', reason: expect.stringContaining('lost') });
  });

  test('is neither previewed for a board that was turned away, nor is such a board offered it now', async () => {
    const [one = '', gone = ''] = await enrol(2);
    await begin();
    await revoke([gone]);
    const preview = await server.admin('previewRollout', { params: { name } });
    expect(preview.stages[0]).toMatchObject({ devices: 1, examples: [one] });
    expect(preview.left_out).toMatchObject([{ reason: 'token_revoked', devices: 1 }]);
    expect(await server.tryAdmin('offerNow', { params: { device: gone } })).toMatchObject({ status: 409 });
    expect(await server.tryAdmin('offerNow', { params: { device: one } })).toMatchObject({ status: 200 });
  });
});
