// Disruption budgets over real HTTPS on both databases: how many boards of one place are at it at a time, across rollouts, with the
// pace, and with two servers at once.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a disruption budget on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let numbers = 0;
  let key = '';
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
    numbers += 1;
    key = `site${numbers}`;
  });
  afterAll(async () => server.end());

  const set = async (body: object) => server.admin('setBudget', { params: { key }, body });
  const reason = async (mac: string, version = '1.0.0'): Promise<string> => (await line.checkIn(mac, version)).reason;
  const at = (place: string): readonly string[] => [`${key}=${place}`];
  const boards = async (place: string, count: number, of = line): Promise<readonly string[]> => {
    const macs = [];
    for (let index = 0; index < count; index += 1) macs.push(await of.newDevice('1.0.0', at(place)));
    return macs;
  };

  /** 1.0.0 stable, 1.1.0 offered to everyone. */
  async function begin(of = line): Promise<void> {
    await of.makeStable('1.0.0');
    await of.add('1.1.0');
    await of.rollOut('1.1.0', 'expand');
  }

  test('does not count a board that was lost in a rollout which was aborted since, once it is back', async () => {
    const [gone = '', next = ''] = await boards('berlin', 2);
    server.clock.advance(2 * 86_400);
    await begin();
    await line.add('1.2.0');
    await set({ max_devices: 1 });
    await line.take(gone, '1.0.0');
    await line.checkIn(gone, '1.1.0', ON_TRIAL);
    // Longer than it may be silent, and shorter than its deadline.
    server.clock.advance(2_100);
    await server.tick();
    expect((await line.assignments(gone))[0]).toMatchObject({ state: 'trial', outcome: 'lost' });
    await line.move('1.1.0', 'abort');
    await line.rollOut('1.2.0', 'expand');
    expect(await reason(next), 'it is not back').toBe('budget_used_up');
    server.clock.advance(60);
    await line.update(gone, '1.1.0', '1.2.0');
    await server.tick();
    expect(await reason(next)).toBe('update');
  });

  test('lets so many boards of one value at it; other values and boards without one go on', async () => {
    const [one = '', two = '', three = ''] = await boards('berlin', 3);
    const [other = ''] = await boards('paris', 1);
    await begin();
    expect(await set({ max_devices: 1, reason: 'one till stays open' })).toMatchObject({
      key,
      max_devices: 1,
      max_pct: null,
      values: [
        { label: `${key}=berlin`, devices: 3, allowed: 1, disrupted: 0 },
        { label: `${key}=paris`, devices: 1, allowed: 1, disrupted: 0 },
      ],
    });
    await line.take(one, '1.0.0');
    expect(await reason(two)).toBe('budget_used_up');
    for (const mac of [other, await line.newDevice('1.0.0')]) expect(await reason(mac)).toBe('update');
    expect((await line.checkIn(one, '1.0.0')).update_available, 'its own update costs it nothing').toBe(true);
    const { text, to_change } = await line.explain(two);
    expect(text).toContain(`${key}=berlin: 1 of 1 others at it or lost`);
    expect(to_change).toContain(`${key}=berlin`);
    await line.checkIn(one, '1.1.0', ON_TRIAL);
    expect(await reason(two), 'a trial counts').toBe('budget_used_up');
    await line.checkIn(one, '1.1.0');
    await line.take(two, '1.0.0');
    expect(await reason(three)).toBe('budget_used_up');
    const { items } = await server.admin('getBudgets');
    expect(items.find((budget) => budget.key === key)?.values).toMatchObject([{ disrupted: 1 }, { disrupted: 1 }]);
    await server.admin('removeBudget', { params: { key } });
    expect(await reason(three)).toBe('update');
  });

  test('counts across rollouts and products', async () => {
    const other = new ProductLine(server);
    const [mac = ''] = await boards('berlin', 1);
    const [elsewhere = ''] = await boards('berlin', 1, other);
    await begin();
    await begin(other);
    await set({ max_devices: 1 });
    await line.take(mac, '1.0.0');
    expect((await other.checkIn(elsewhere, '1.0.0')).reason).toBe('budget_used_up');
  });

  test('is a share of the boards, of which one may always', async () => {
    const [first = '', ...others] = await boards('berlin', 10);
    await begin();
    expect((await set({ max_pct: 5 })).values).toMatchObject([{ devices: 10, allowed: 1 }]);
    await line.take(first, '1.0.0');
    expect(await reason(others[0] ?? '')).toBe('budget_used_up');
    await set({ max_pct: 20 });
    await line.take(others[0] ?? '', '1.0.0');
    expect(await reason(others[1] ?? '')).toBe('budget_used_up');
  });

  test('counts a board that is lost after its update until it is heard of again, or removed', async () => {
    const [lost = '', next = ''] = await boards('berlin', 2);
    await begin();
    await set({ max_devices: 1 });
    await line.take(lost, '1.0.0');
    await line.checkIn(lost, '1.1.0', ON_TRIAL);
    for (let hour = 0; hour < 60; hour += 1) {
      server.clock.advance(3_600);
      await line.checkIn(next, '1.0.0');
      await server.tick();
    }
    expect((await line.assignments(lost))[0]).toMatchObject({ outcome: 'lost' });
    expect(await reason(next), 'its place is down already').toBe('budget_used_up');
    await server.admin('removeDevice', { params: { device: lost }, query: { confirm: 'true' } });
    expect(await reason(next)).toBe('update');
  });

  test('does not count the board itself: one that was lost and comes back is not in its own way', async () => {
    const [lost = ''] = await boards('berlin', 1);
    await begin();
    await set({ max_devices: 1 });
    await line.take(lost, '1.0.0');
    await line.checkIn(lost, '1.1.0', ON_TRIAL);
    for (let hour = 0; hour < 60; hour += 1) {
      server.clock.advance(3_600);
      await server.tick();
    }
    expect((await line.assignments(lost))[0]).toMatchObject({ outcome: 'lost' });
    await line.move('1.1.0', 'abort');
    await line.add('1.2.0');
    await line.rollOut('1.2.0', 'expand');
    expect(await reason(lost)).toBe('update');
  });

  test('does not keep boards from the way back', async () => {
    await begin();
    const [one = '', two = ''] = await boards('berlin', 2);
    for (const mac of [one, two]) await line.update(mac, '1.0.0', '1.1.0');
    await set({ max_devices: 1 });
    await line.block('1.1.0');
    for (const mac of [one, two]) expect(await reason(mac, '1.1.0')).toBe('blocked_go_back');
  });

  test('and the pace of the stage both hold', async () => {
    const [one = '', two = ''] = await boards('berlin', 2);
    const [other = ''] = await boards('paris', 1);
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    const name = `${line.product}-paced`;
    const stages = [{ name: 'all', label: 'general', percentage: 100, promotion: 'manual', max_offers_per_minute: 1 }];
    await server.admin('setPlan', { params: { name }, body: { stages } });
    await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: name, name } });
    await server.admin('startRollout', { params: { name }, body: {} });
    await set({ max_devices: 1 });
    const asked = async () => [await reason(one), await reason(two), await reason(other)];
    expect(await asked()).toEqual(['update', 'offers_per_minute', 'offers_per_minute']);
    server.clock.advance(60);
    expect(await asked()).toEqual(['update', 'budget_used_up', 'update']);
  });

  test('is refused with words where it says nothing, or too much', async () => {
    for (const body of [{}, { max_devices: 1, max_pct: 5 }, { max_devices: 0 }, { max_pct: 101 }])
      expect((await server.tryAdmin('setBudget', { params: { key }, body })).body).toMatchObject({
        error: { code: 'field_invalid' },
      });
    expect((await server.tryAdmin('removeBudget', { params: { key } })).body).toMatchObject({
      error: { code: 'budget_unknown' },
    });
  });

  test('labels of two parts are labels: a stage may name one, a query too', async () => {
    await line.add('1.1.0');
    const [mac = ''] = await boards('berlin', 1);
    await line.rollOut('1.1.0', 'pilot', `${key}=berlin`);
    expect((await line.checkIn(mac, '1.0.0')).reason).toBe('update');
    const found = await server.admin('listDevices', { query: { where: `label ${key}=berlin` } });
    expect(found.items.map((device) => device.mac)).toEqual([mac]);
    const odd = await server.tryAdmin('labelDevice', { params: { device: mac, name: `${key}=` }, query: {} });
    expect(odd.body).toMatchObject({ error: { code: 'id_invalid' } });
  });
});

test.each(BOTH)('a budget lets no board more through where many ask at once, on %s', async (dialect) => {
  const first = await startTestServer({ dialect });
  const servers = [first];
  if (dialect === 'postgres')
    for (let index = 1; index < 3; index += 1) servers.push(await startTestServer({ like: first }));
  onTestFinished(async () => {
    for (const server of servers.toReversed()) await server.end();
  });
  const line = new ProductLine(first);
  const macs: string[] = [];
  for (let index = 0; index < 12; index += 1) macs.push(await line.newDevice('1.0.0', ['site=berlin']));
  await line.add('1.1.0');
  await line.rollOut('1.1.0', 'expand');
  await first.admin('setBudget', { params: { key: 'site' }, body: { max_devices: 2 } });
  const answers = await Promise.all(
    macs.map(async (mac, index) =>
      (servers[index % servers.length] ?? first).checkIn(mac, '1.0.0', { product: line.product }),
    ),
  );
  expect(answers.filter(({ update_available }) => update_available)).toHaveLength(2);
});

test.each(BOTH)(
  'a budget counts boards that come for the first time, by a label of their own hint, on %s',
  async (dialect) => {
    const first = await startTestServer({ dialect });
    await appendFile(join(first.home, 'config/server.yml'), '\nlabels: {from_hints: [site=berlin]}\n');
    await first.stop();
    const server = await startTestServer({ like: first });
    onTestFinished(async () => {
      await server.stop();
      await first.end();
    });
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    await server.admin('setBudget', { params: { key: 'site' }, body: { max_devices: 2 } });
    const macs = Array.from({ length: 12 }, () => line.newMac());
    const answers = await Promise.all(macs.map(async (mac) => line.checkIn(mac, '1.0.0', { labels: ['site=berlin'] })));
    expect((await line.detail(macs[0] ?? '')).device.labels).toEqual(['site=berlin']);
    expect(answers.filter(({ update_available }) => update_available)).toHaveLength(2);
  },
);
