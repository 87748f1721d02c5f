// Devices that are held and products that are frozen, over real HTTPS: what they are offered, what gates make of
// them, and what a block, a schedule and an end do meanwhile.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('what operators hold on %s', (dialect) => {
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

  const hold = async (mac: string, more: object = {}) =>
    server.admin('holdDevice', { params: { device: mac }, body: { reason: 'at the fair', ...more } });
  const release = async (mac: string) => server.admin('releaseDevice', { params: { device: mac } });
  const freeze = async (more: object = {}) =>
    server.admin('freezeProduct', { params: { name: line.product }, body: { reason: 'before Christmas', ...more } });
  const unfreeze = async () => server.admin('unfreezeProduct', { params: { name: line.product } });
  const inS = (seconds: number): string => new Date(server.clock.nowMs + seconds * 1000).toISOString();
  const reason = async (mac: string, version = '1.0.0'): Promise<string> => (await line.checkIn(mac, version)).reason;

  /** 1.0.0 stable, 1.1.0 offered to everyone. */
  async function begin(): Promise<void> {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
  }

  describe('a device that is held', () => {
    test('is offered nothing new until it is released, and explain says by which rule and why', async () => {
      await begin();
      const [mac, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      expect((await hold(mac)).hold).toEqual({
        reason: 'at the fair',
        since: new Date(server.clock.nowMs).toISOString(),
        until: null,
        by: 'admin',
        way_back: 'open',
      });
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'device_held' });
      expect((await line.checkIn(other, '1.0.0')).update_available, 'the others go on').toBe(true);
      const { rules, text, to_change } = await line.explain(mac);
      expect(text).toContain('at the fair');
      expect(to_change).toBe(`otter device release ${mac}`);
      expect(rules.find(({ rule }) => rule === 'device_held')).toMatchObject({ matched: true });
      await release(mac);
      expect((await line.detail(mac)).device.hold).toBeNull();
      expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    });

    test('is released by the end that was said, to the moment, and a tick clears it away', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      await hold(mac, { until: inS(3_600) });
      server.clock.advance(3_599);
      expect(await reason(mac)).toBe('device_held');
      server.clock.advance(1);
      expect((await line.checkIn(mac, '1.0.0')).update_available, 'before any tick').toBe(true);
      expect((await line.detail(mac)).device.hold).toBeNull();
      await server.tick();
      const { items } = await server.admin('listAudit', { query: { subject: mac, action: 'device.release' } });
      expect(items).toMatchObject([{ actor: 'clock', details: { held_for: 'at the fair' } }]);
      await server.tick();
      expect((await server.admin('listAudit', { query: { subject: mac } })).items).toHaveLength(2);
    });

    test('may be held anew with another end; what was said last counts', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      await hold(mac, { until: inS(60) });
      await hold(mac, { reason: 'still there' });
      server.clock.advance(120);
      await server.tick();
      expect((await line.detail(mac)).device.hold).toMatchObject({ reason: 'still there', until: null });
      expect(await reason(mac)).toBe('device_held');
    });

    test('loses an offer that it has not begun to install, and gets one anew when it is released', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const first = await line.take(mac, '1.0.0');
      await hold(mac);
      expect(await line.assignments(mac)).toMatchObject([{ id: first, state: 'superseded', not_counted: 'held' }]);
      expect(await reason(mac)).toBe('device_held');
      await release(mac);
      expect(await line.assignments(mac)).toMatchObject([{ not_counted: null }]);
      const second = await line.take(mac, '1.0.0');
      expect(second).not.toBe(first);
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      await line.checkIn(mac, '1.1.0');
      expect(await line.assignments(mac)).toMatchObject([{ id: second, outcome: 'healthy' }, { id: first }]);
    });

    test('ends the trial that it is in: nobody can stop it from here', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const id = await line.take(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      await hold(mac);
      expect(await reason(mac, '1.1.0')).toBe('up_to_date');
      expect(await line.assignments(mac)).toMatchObject([{ id, state: 'confirmed', outcome: 'healthy' }]);
    });

    test('goes back from a blocked build, unless the hold keeps the way back too; the block says how many stay', async () => {
      await begin();
      const [open, kept] = [await line.newDevice('1.1.0'), await line.newDevice('1.1.0')];
      await hold(open);
      await hold(kept, { way_back: 'hold' });
      const answer = await line.block('1.1.0');
      expect(answer).toMatchObject({
        devices_running: 2,
        goes_to: [{ version: '1.0.0', devices: 1 }],
        stays: [{ reason: 'device_held', devices: 1, examples: [kept] }],
      });
      expect(await line.checkIn(open, '1.1.0')).toMatchObject({ update_available: true, rollback: true });
      expect(await line.checkIn(kept, '1.1.0')).toMatchObject({ update_available: false, reason: 'device_held' });
      await release(kept);
      expect(await line.checkIn(kept, '1.1.0')).toMatchObject({ update_available: true, rollback: true });
    });

    test('keeps its end in sight of a block: who is held for a while stays for that while', async () => {
      await begin();
      const mac = await line.newDevice('1.1.0');
      await hold(mac, { way_back: 'hold', until: inS(600) });
      expect((await line.block('1.1.0')).stays).toMatchObject([{ reason: 'device_held', devices: 1 }]);
      server.clock.advance(600);
      expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ rollback: true });
    });

    test('is a new device after it was removed: the hold is gone', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      await hold(mac);
      await server.admin('removeDevice', { params: { device: mac }, query: { confirm: 'true' } });
      expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    });

    test('is told to those who listen, and counted in the status', async () => {
      // Holds of other tests whose end has come end now, and not in between.
      await server.tick();
      const before = (await server.admin('getStatus')).devices.held;
      const mac = await line.newDevice('1.0.0');
      await hold(mac);
      expect((await server.admin('getStatus')).devices.held).toBe(before + 1);
      await release(mac);
      expect((await server.admin('getStatus')).devices.held).toBe(before);
      const { items } = await server.admin('listEvents', {
        query: { product: line.product, type: 'device', sort: 'id' },
      });
      expect(items).toHaveLength(2);
      expect(items).toMatchObject([
        { type: 'device.held', mac, rollout: null, version: null, data: { actor: 'admin', reason: 'at the fair' } },
        { type: 'device.released', mac, rollout: null },
      ]);
    });

    test('is refused with words where that makes no sense', async () => {
      const mac = await line.newDevice('1.0.0');
      const refusal = async (call: Promise<{ readonly body: unknown }>) => (await call).body;
      const body = (more: object) => ({ params: { device: mac }, body: { reason: 'x', ...more } });
      expect(await refusal(server.tryAdmin('holdDevice', body({ reason: '  ' })))).toMatchObject({
        error: { code: 'reason_missing' },
      });
      expect(await refusal(server.tryAdmin('holdDevice', body({ until: inS(0) })))).toMatchObject({
        error: { code: 'field_invalid', message: expect.stringContaining(inS(0)) },
      });
      expect(await refusal(server.tryAdmin('holdDevice', body({ way_back: 'shut' })))).toMatchObject({
        error: { code: 'field_invalid' },
      });
      expect(await refusal(server.tryAdmin('releaseDevice', { params: { device: mac } }))).toMatchObject({
        error: { code: 'invalid_transition', message: `device ${mac} is not held` },
      });
      expect((await server.tryAdmin('holdDevice', { ...body({}), params: { device: line.newMac() } })).status).toBe(
        404,
      );
    });
  });

  describe('a gate', () => {
    const gate = { min_confirmed: 3, max_failed: 0 };
    const stages = [
      { name: 'all', label: 'general', percentage: 100, promotion: 'auto', gate },
      { name: 'rest', label: 'general', percentage: 100, promotion: 'manual' },
    ];

    /** Three known boards, a rollout to all of them, which so many of them were offered. */
    async function three(offered = 3): Promise<{ readonly macs: readonly string[]; readonly name: string }> {
      await line.add('1.1.0');
      const macs = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      server.clock.advance(2 * 86_400);
      const name = `${line.product}-gated`;
      await server.admin('setPlan', { params: { name }, body: { stages } });
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: name, name } });
      await server.admin('startRollout', { params: { name }, body: {} });
      for (const mac of macs.slice(0, offered)) await line.checkIn(mac, '1.0.0');
      await server.tick();
      return { macs, name };
    }
    const stageOf = async (name: string) => (await server.admin('getRollout', { params: { name } })).stage;

    test.each([
      { what: 'was offered the build', offered: 3 },
      { what: 'was not', offered: 2 },
    ])('does not wait for a device that is held for a while, where it $what', async ({ offered }) => {
      const { macs, name } = await three(offered);
      // Heard of since the start, and offered nothing while it is on trial.
      if (offered === 2) await line.checkIn(macs[2] ?? '', '1.0.0', ON_TRIAL);
      const [one = '', two = '', held = ''] = macs;
      for (const mac of [one, two]) await line.update(mac, '1.0.0', '1.1.0');
      await server.tick();
      expect(await stageOf(name), 'it waits for the third').toBe('all');
      await hold(held, { until: inS(3_600) });
      await server.tick();
      expect(await stageOf(name)).toBe('rest');
    });

    test('waits for the devices of a frozen product that were offered nothing yet', async () => {
      const { macs, name } = await three(2);
      for (const mac of macs.slice(0, 2)) await line.update(mac, '1.0.0', '1.1.0');
      await freeze();
      expect(await reason(macs[2] ?? '')).toBe('product_frozen');
      await server.tick();
      expect(await stageOf(name)).toBe('all');
    });

    test('names who is held among those that are left out', async () => {
      const { macs, name } = await three();
      const late = await line.newDevice('1.0.0');
      await hold(late);
      await server.admin('getRollout', { params: { name } });
      expect((await server.admin('getWaiting', { params: { name } })).items).toEqual(
        expect.arrayContaining([expect.objectContaining({ mac: late, reason: 'device_held' })]),
      );
      expect(macs).toHaveLength(3);
    });

    test('waits for the devices of a frozen product: a freeze makes no sample smaller, and no time runs out', async () => {
      const { macs, name } = await three();
      const [one = '', two = '', third = ''] = macs;
      for (const mac of [one, two]) await line.update(mac, '1.0.0', '1.1.0');
      await line.take(third, '1.0.0');
      await freeze();
      for (let day = 0; day < 4; day += 1) {
        server.clock.advance(86_400);
        for (const mac of [one, two]) await line.checkIn(mac, '1.1.0');
        expect(await reason(third)).toBe('product_frozen');
        await server.tick();
      }
      expect(await stageOf(name)).toBe('all');
      expect((await line.assignments(third))[0]).toMatchObject({ state: 'downloading' });
      await unfreeze();
      await server.tick();
      expect((await line.assignments(third))[0], 'its deadline begins anew').toMatchObject({ state: 'downloading' });
      await line.checkIn(third, '1.1.0', ON_TRIAL);
      await line.checkIn(third, '1.1.0');
      await server.tick();
      expect(await stageOf(name)).toBe('rest');
    });
  });

  describe('a product that is frozen', () => {
    test('offers nothing new to any of its devices, and no other product is', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const frozen = line;
      await freeze();
      expect(await reason(mac)).toBe('product_frozen');
      expect(await reason(line.newMac()), 'nor to one that comes now').toBe('product_frozen');
      line = new ProductLine(server);
      await begin();
      expect((await line.checkIn(line.newMac(), '1.0.0')).update_available).toBe(true);
      line = frozen;
      expect(await unfreeze()).toMatchObject({ product: line.product, freeze: null });
      expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    });

    test('is named by the status and in the list, and told to those who listen', async () => {
      await begin();
      await line.newDevice('1.0.0');
      await freeze({ until: inS(60) });
      const freezeSeen = { reason: 'before Christmas', until: inS(60), by: 'admin', way_back: 'open' };
      const expected = { product: line.product, devices: 1, freeze: freezeSeen };
      const { frozen } = await server.admin('getStatus');
      expect(frozen.filter(({ product }) => product === line.product)).toMatchObject([expected]);
      const { items } = await server.admin('getProducts');
      expect(items.find(({ product }) => product === line.product)).toMatchObject(expected);
      server.clock.advance(60);
      await server.tick();
      expect((await server.admin('getStatus')).frozen.map(({ product }) => product)).not.toContain(line.product);
      const told = await server.admin('listEvents', { query: { product: line.product, type: 'product', sort: 'id' } });
      expect(told.items).toMatchObject([
        { type: 'product.frozen', mac: null, data: { actor: 'admin' } },
        { type: 'product.unfrozen', data: { actor: 'clock' } },
      ]);
    });

    test('lets a schedule open a stage, and offers it only when the freeze is over', async () => {
      await line.add('1.1.0');
      await line.rollOut('1.1.0', 'draft');
      const mac = await line.newDevice('1.0.0', ['pilot']);
      await freeze();
      const name = `${line.product}-start`;
      const body = { name, cron: '0 3 * * *', action: 'start', rollout: line.rolloutName('1.1.0') };
      await server.admin('createSchedule', { body });
      await server.admin('runSchedule', { params: { name } });
      expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running', stage: 'pilot' });
      expect(await reason(mac)).toBe('product_frozen');
      await unfreeze();
      expect((await line.checkIn(mac, '1.0.0')).update_available).toBe(true);
    });

    test('leaves the way back open, unless the freeze keeps it too', async () => {
      await begin();
      const mac = await line.newDevice('1.1.0');
      await freeze();
      await line.block('1.1.0');
      expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ rollback: true });
      await freeze({ way_back: 'hold' });
      expect(await reason(mac, '1.1.0')).toBe('product_frozen');
      const query = { product: line.product };
      expect(await server.admin('previewBlock', { params: { version: '1.1.0' }, query })).toMatchObject({
        stays: [{ reason: 'product_frozen', devices: 1 }],
      });
    });

    test('is refused with words: one that nobody knows, one that is not frozen', async () => {
      await line.newDevice('1.0.0');
      const typo = { params: { name: `${line.product}x` }, body: { reason: 'x' } };
      expect((await server.tryAdmin('freezeProduct', typo)).body).toMatchObject({
        error: { code: 'product_unknown', hint: expect.stringContaining('did you mean') },
      });
      expect((await server.tryAdmin('unfreezeProduct', { params: { name: line.product } })).body).toMatchObject({
        error: { code: 'invalid_transition' },
      });
    });
  });
});
