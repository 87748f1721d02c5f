// Rollouts whose offers a board may put off, over real HTTPS on both databases: what it says is shown, is never a failure, and ends
// when the plan says so.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;
const PLANS = `plans:
  - name: asked
    consent: board
    force_after: 7d
    stages:
      - {name: all, label: general, promotion: auto, gate: {min_confirmed: 2, max_failed: 0}}
      - {name: rest, label: general}
`;

describe.each(DIALECTS)('a rollout that asks the board on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const later = (assignment_id: number, reason = 'somebody is cooking') => ({ postponed: { assignment_id, reason } });
  const stage = async () => (await line.rollout('1.1.0')).stages[0];

  /** Two boards that count, and a rollout that asks them. */
  async function begin(plan = 'asked'): Promise<readonly [string, string]> {
    const macs = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')] as const;
    server.clock.advance(2 * DAY_S);
    await line.add('1.1.0');
    const body = { version: '1.1.0', product: line.product, plan, name: line.rolloutName('1.1.0') };
    await server.admin('createRollout', { body });
    await line.move('1.1.0', 'start');
    return macs;
  }

  test('marks its offers optional, and no other rollout does', async () => {
    const [mac] = await begin();
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true, optional: true });
    const other = new ProductLine(server);
    await other.makeStable('1.0.0');
    const plain = await other.checkIn(other.newMac(), '0.9.0');
    expect(plain.update_available).toBe(true);
    expect([plain['optional'], plain['forced']]).toEqual([undefined, undefined]);
  });

  test('shows why a board put it off, keeps its offer for as long as that takes, and holds it against nobody', async () => {
    const [mac, other] = await begin();
    const id = await line.offer(mac, '1.0.0');
    for (let hour = 0; hour < 60; hour += 1) {
      server.clock.advance(3_600);
      expect(await line.checkIn(mac, '1.0.0', later(id))).toMatchObject({ assignment_id: id, optional: true });
      await server.tick();
    }
    expect(await line.assignments(mac)).toMatchObject([
      { id, state: 'offered', outcome: 'not_now', error_code: 'deferred', detail: 'somebody is cooking' },
    ]);
    expect((await stage())?.outcomes).toMatchObject({ not_now: 1, failed: 0 });
    expect((await line.explain(mac)).board).toMatchObject({ outcome: 'not_now' });
    expect((await line.rollout('1.1.0')).status).toBe('running');
    await line.checkIn(mac, '1.0.0');
    expect(await line.assignments(mac), 'it says so no more').toMatchObject([{ error_code: null, detail: null }]);
    for (const one of [mac, other]) await line.update(one, '1.0.0', '1.1.0');
    expect((await line.assignments(mac))[0]).toMatchObject({
      id,
      state: 'confirmed',
      outcome: 'healthy',
      error_code: null,
    });
    await server.tick();
    expect((await line.rollout('1.1.0')).stage).toBe('rest');
  });

  test('takes what it said away when the board takes the build all the same', async () => {
    const [mac] = await begin();
    const id = await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.0.0', later(id));
    await line.report(mac, id, 0, 'downloading');
    expect(await line.assignments(mac)).toMatchObject([
      { state: 'downloading', outcome: 'updating', error_code: null },
    ]);
    await line.report(mac, id, 1, 'failed', { error_code: 'sha256' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'failed', error_code: 'sha256', detail: null }]);
  });

  test('does not ask any more after the time that its plan gives, counted from the first offer to each board', async () => {
    const [mac, other] = await begin();
    const id = await line.offer(mac, '1.0.0');
    server.clock.advance(7 * DAY_S - 1);
    expect(await line.checkIn(mac, '1.0.0', later(id))).toMatchObject({ optional: true });
    server.clock.advance(1);
    const answer = await line.checkIn(mac, '1.0.0', later(id));
    expect(answer).toMatchObject({ update_available: true, forced: true });
    expect(answer['optional']).toBeUndefined();
    expect(await line.checkIn(other, '1.0.0'), 'the other one is asked first now').toMatchObject({ optional: true });
  });

  test('hears only of the offer that the board holds, and drops what it cannot read', async () => {
    const [mac] = await begin();
    const id = await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.0.0', later(id + 1_000));
    expect(await line.assignments(mac)).toMatchObject([{ outcome: 'waiting', error_code: null }]);
    expect(await line.checkIn(mac, '1.0.0', { postponed: 'later' })).toMatchObject({ assignment_id: id });
    expect((await line.detail(mac)).device.attributes['unreadable']).toContain('postponed');
  });

  test('asks for no way back', async () => {
    await line.makeStable('1.0.0');
    const [mac, other] = await begin();
    for (const one of [mac, other]) await line.update(one, '1.0.0', '1.1.0');
    await line.block('1.1.0');
    const back = await line.checkIn(mac, '1.1.0');
    expect(back).toMatchObject({ rollback: true });
    expect(back['optional']).toBeUndefined();
  });

  test('is a plan of the API as well, with words for what it cannot be', async () => {
    const stages = [{ name: 'all', label: 'general', percentage: 100, promotion: 'manual' }];
    const put = (body: object) =>
      server.tryAdmin('setPlan', { params: { name: line.product }, body: { stages, ...body } });
    expect((await put({ consent: 'nobody' })).body).toMatchObject({ error: { code: 'field_invalid' } });
    expect((await put({ consent: 'board', force_after_s: -1 })).body).toMatchObject({
      error: { code: 'field_invalid' },
    });
    expect((await put({ force_after_s: 60 })).body).toMatchObject({ error: { code: 'field_invalid' } });
    expect((await put({ consent: 'board' })).status).toBe(200);
    const [mac] = await begin(line.product);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ optional: true });
    server.clock.advance(80 * DAY_S);
    expect(await line.checkIn(mac, '1.0.0'), 'for ever').toMatchObject({ optional: true });
  });
});
