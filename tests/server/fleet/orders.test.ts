// What an operator asks of one device, and of a whole rollout, over real HTTPS on both databases: cancel, send back, offer now, try
// again, undo; what gates make of it, and what comes late.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('what an operator asks of one device on %s', (dialect) => {
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

  const BECAUSE = { reason: 'the shop is open' };
  const cancel = async (device: string, more: object = {}) =>
    server.admin('cancelUpdate', { params: { device }, body: { ...BECAUSE, ...more } });
  const sendBack = async (device: string) =>
    server.admin('sendBack', { params: { device }, query: { confirm: 'true' }, body: BECAUSE });
  const offerNow = async (device: string) => server.admin('offerNow', { params: { device } });
  const retry = async (device: string) => server.admin('retryDevice', { params: { device } });
  const undo = async (version: string) =>
    server.admin('undoRollout', { params: { name: line.rolloutName(version) }, body: BECAUSE });
  const reason = async (mac: string, version = '1.0.0'): Promise<string> => (await line.checkIn(mac, version)).reason;
  const refusal = async (call: Promise<{ readonly body: unknown }>) => (await call).body;

  /** 1.0.0 stable, 1.1.0 offered to everyone. */
  async function begin(): Promise<void> {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
  }

  describe('cancel', () => {
    test('takes the offer back and keeps this build from this device alone; another build reaches it', async () => {
      await begin();
      const [mac, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      const first = await line.take(mac, '1.0.0');
      expect((await cancel(mac)).cancelled).toMatchObject({
        version: '1.1.0',
        by: 'admin',
        goes_back: false,
        ...BECAUSE,
      });
      expect(await line.assignments(mac)).toMatchObject([{ id: first, state: 'superseded', not_counted: 'cancelled' }]);
      expect(await reason(mac)).toBe('update_cancelled');
      expect(await reason(mac), 'again').toBe('update_cancelled');
      expect((await line.checkIn(other, '1.0.0')).update_available).toBe(true);
      const { text, to_change } = await line.explain(mac);
      expect(text).toContain(BECAUSE.reason);
      expect(to_change).toContain(`otter device retry ${mac}`);
      await line.add('1.2.0');
      await line.move('1.1.0', 'promote');
      expect(await reason(mac), 'it is stable now, and stays cancelled').toBe('update_cancelled');
      await line.rollOut('1.2.0', 'expand');
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ manifest: { version: '1.2.0' } });
    });

    test('comes before the offer as well, and retry ends it', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      await line.move('1.1.0', 'pause');
      await cancel(mac, { version: '1.1.0' });
      await line.move('1.1.0', 'resume');
      expect(await reason(mac)).toBe('update_cancelled');
      expect(await retry(mac)).toMatchObject({ cancelled: '1.1.0', builds: [], device: { cancelled: null } });
      await line.update(mac, '1.0.0', '1.1.0');
      expect((await line.assignments(mac))[0]).toMatchObject({
        state: 'confirmed',
        outcome: 'healthy',
        not_counted: null,
      });
    });

    test('is too late for a board in its trial, which ends it; and where there is nothing', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const call = { params: { device: mac }, body: BECAUSE };
      const id = await line.take(mac, '1.0.0');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      expect(await refusal(server.tryAdmin('cancelUpdate', call))).toMatchObject({
        error: { code: 'invalid_transition', hint: expect.stringContaining(`otter device send-back ${mac}`) },
      });
      await line.checkIn(mac, '1.1.0');
      expect(await line.assignments(mac)).toMatchObject([{ id, state: 'confirmed', outcome: 'healthy' }]);
      expect(await refusal(server.tryAdmin('cancelUpdate', call))).toMatchObject({
        error: { code: 'invalid_transition', message: `device ${mac} has no update to cancel` },
      });
      for (const [body, code] of [
        [{ reason: ' ' }, 'reason_missing'],
        [{ ...BECAUSE, version: '9.9.9' }, 'firmware_unknown'],
      ] as const)
        expect(await refusal(server.tryAdmin('cancelUpdate', { ...call, body }))).toMatchObject({ error: { code } });
    });

    test('of a board that installs it all the same is seen on it, as it is', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const id = await line.take(mac, '1.0.0');
      await cancel(mac);
      await line.report(mac, id, 1, 'trial');
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      expect(await reason(mac, '1.1.0')).toBe('up_to_date');
      expect((await line.detail(mac)).device).toMatchObject({ current_version: '1.1.0', status: 'ok' });
    });

    test('lets no gate wait for the device, and its failures of before stay', async () => {
      await line.add('1.1.0');
      const macs = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      server.clock.advance(2 * 86_400);
      const name = `${line.product}-gated`;
      const stages = [
        {
          name: 'all',
          label: 'general',
          percentage: 100,
          promotion: 'auto',
          gate: { min_confirmed: 3, max_failed: 0 },
        },
        { name: 'rest', label: 'general', percentage: 100, promotion: 'manual' },
      ];
      await server.admin('setPlan', { params: { name }, body: { stages } });
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan: name, name } });
      await server.admin('startRollout', { params: { name }, body: {} });
      const stageOf = async () => (await server.admin('getRollout', { params: { name } })).stage;
      const [one = '', two = '', third = ''] = macs;
      await line.take(third, '1.0.0');
      for (const mac of [one, two]) await line.update(mac, '1.0.0', '1.1.0');
      await server.tick();
      expect(await stageOf()).toBe('all');
      await cancel(third);
      await retry(third);
      expect(await line.assignments(third)).toMatchObject([{ state: 'superseded', not_counted: null }]);
      await server.tick();
      expect(await stageOf(), 'it waits for one that may have it again').toBe('all');
      await cancel(third);
      await server.tick();
      expect(await stageOf()).toBe('rest');
    });
  });

  describe('send back', () => {
    test('says where to, asks, and takes one device to what it ran before; the others keep the build', async () => {
      await line.makeStable('0.9.0');
      await begin();
      await line.move('1.1.0', 'promote');
      const [mac, other] = [await line.newDevice('0.9.0'), await line.newDevice('1.0.0')];
      await line.update(mac, '0.9.0', '1.1.0');
      await line.update(other, '1.0.0', '1.1.0');
      const asked = await server.tryAdmin('sendBack', { params: { device: mac }, query: {}, body: BECAUSE });
      expect(asked.body).toMatchObject({
        error: {
          code: 'confirmation_needed',
          message: `device ${mac} goes from 1.1.0 back to 0.9.0, and is not offered 1.1.0 again`,
        },
      });
      expect(await reason(mac, '1.1.0'), 'nothing was done').toBe('up_to_date');
      expect((await sendBack(mac)).cancelled).toMatchObject({ version: '1.1.0', goes_back: true, ran_before: '0.9.0' });
      expect(await line.checkIn(mac, '1.1.0')).toMatchObject({
        manifest: { version: '0.9.0' },
        rollback: true,
        reason: 'sent_back',
      });
      expect(await reason(other, '1.1.0')).toBe('up_to_date');
      await line.checkIn(mac, '0.9.0');
      expect(await line.assignments(mac)).toMatchObject([{ rollback: true, state: 'confirmed' }, { version: '1.1.0' }]);
      for (const _ of [1, 2]) expect(await reason(mac, '0.9.0'), 'and then?').toBe('update_cancelled');
      await retry(mac);
      expect(await line.checkIn(mac, '0.9.0')).toMatchObject({ manifest: { version: '1.1.0' }, rollback: false });
    });

    test('goes to the stable build before where what it ran is none, and is ended by retry before it went', async () => {
      await begin();
      const mac = await line.newDevice('1.1.0');
      await sendBack(mac);
      expect(await line.checkIn(mac, '1.1.0')).toMatchObject({ manifest: { version: '1.0.0' }, rollback: true });
      await retry(mac);
      expect(await reason(mac, '1.1.0')).toBe('up_to_date');
      expect(await line.assignments(mac)).toMatchObject([{ rollback: true, state: 'superseded' }]);
    });

    test('is refused with words where there is no way back', async () => {
      await line.add('1.1.0');
      await line.rollOut('1.1.0', 'expand');
      const [mac, foreign] = [await line.newDevice('1.1.0'), await line.newDevice('7.0.0')];
      const call = (device: string) =>
        server.tryAdmin('sendBack', { params: { device }, query: { confirm: 'true' }, body: BECAUSE });
      expect(await refusal(call(mac))).toMatchObject({ error: { code: 'invalid_transition' } });
      expect(await refusal(call(foreign))).toMatchObject({
        error: { code: 'invalid_transition', message: expect.stringContaining('no build of this server') },
      });
      expect((await line.detail(mac)).device.cancelled, 'nothing is stored').toBeNull();
    });

    test('of a build that is blocked later goes the same way', async () => {
      await begin();
      const mac = await line.newDevice('1.1.0');
      await sendBack(mac);
      await line.block('1.1.0');
      expect(await line.checkIn(mac, '1.1.0')).toMatchObject({
        manifest: { version: '1.0.0' },
        reason: 'blocked_go_back',
      });
      expect(await reason(mac, '1.0.0')).toBe('up_to_date');
    });
  });

  describe('offer now', () => {
    /** 1.1.0 goes to everyone at a pace that is used up, inside of a window that is closed. */
    async function beginSlowly(): Promise<void> {
      await line.makeStable('1.0.0');
      await line.add('1.1.0');
      const name = `${line.product}-slow`;
      const stages = [{ name: 'all', label: 'general', percentage: 100, promotion: 'manual', max_in_flight: 1 }];
      await server.admin('setPlan', { params: { name }, body: { stages } });
      const body = { version: '1.1.0', product: line.product, plan: name, name: line.rolloutName('1.1.0') };
      await server.admin('createRollout', { body });
      await line.move('1.1.0', 'start');
      await line.take(await line.newDevice('1.0.0'), '1.0.0');
    }

    test('lets one device past the pace; the next one waits', async () => {
      await beginSlowly();
      const [mac, next] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      expect(await reason(mac)).toBe('in_flight_limit');
      expect((await offerNow(mac)).offer_now).toMatchObject({ by: 'admin' });
      server.clock.advance(1);
      await line.update(mac, '1.0.0', '1.1.0');
      expect((await line.detail(mac)).device.offer_now, 'the update has ended it').toBeNull();
      expect(await reason(next)).toBe('in_flight_limit');
    });

    test('lets it try at once after a failure, once: then it rests as ever', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      const fail = async () => {
        const id = await line.take(mac, '1.0.0');
        await line.report(mac, id, 1, 'failed', { error_code: 'connection_lost' });
      };
      await fail();
      expect(await reason(mac)).toBe('backing_off');
      server.clock.advance(1);
      await offerNow(mac);
      server.clock.advance(1);
      await fail();
      expect(await reason(mac), 'the order has ended with it').toBe('backing_off');
    });

    test('never lets it past a hold, a stage or nothing to offer', async () => {
      await begin();
      const [mac, done] = [await line.newDevice('1.0.0'), await line.newDevice('1.1.0')];
      await server.admin('holdDevice', { params: { device: mac }, body: BECAUSE });
      const call = (device: string) => server.tryAdmin('offerNow', { params: { device } });
      expect(await refusal(call(mac))).toMatchObject({
        error: { code: 'invalid_transition', message: expect.stringContaining(BECAUSE.reason) },
      });
      expect(await refusal(call(done))).toMatchObject({ error: { code: 'invalid_transition' } });
      expect((await line.detail(mac)).device.offer_now).toBeNull();
      await offerNow(await line.newDevice('1.0.0'));
    });

    test('is over after a day, and a hold that comes later holds', async () => {
      await beginSlowly();
      const [mac, held] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
      await offerNow(mac);
      await offerNow(held);
      await server.admin('holdDevice', { params: { device: held }, body: BECAUSE });
      expect(await reason(held)).toBe('device_held');
      server.clock.advance(86_400);
      // The one that is in flight is not overdue by its own fault; the pace is used up as before.
      expect((await line.detail(mac)).device.offer_now).toBeNull();
    });
  });

  test('retry forgives what failed, and is refused where there is nothing', async () => {
    await begin();
    const mac = await line.newDevice('1.0.0');
    await line.rollBack(mac, '1.0.0', '1.1.0');
    expect(await reason(mac)).toBe('known_bad');
    expect(await retry(mac)).toMatchObject({ cancelled: null, builds: [{ version: '1.1.0', known_bad: true }] });
    expect((await line.checkIn(mac, '1.0.0', CAME_BACK)).update_available).toBe(true);
    expect(await refusal(server.tryAdmin('retryDevice', { params: { device: mac } }))).toMatchObject({
      error: { code: 'invalid_transition' },
    });
  });

  test('every order is told to those who listen', async () => {
    await begin();
    const mac = await line.newDevice('1.0.0');
    await offerNow(mac);
    await cancel(mac);
    await retry(mac);
    await line.update(mac, '1.0.0', '1.1.0');
    await sendBack(mac);
    const { items } = await server.admin('listEvents', {
      query: { product: line.product, type: 'device', sort: 'id' },
    });
    expect(items.map(({ type, data }) => [type, data['actor']])).toEqual(
      ['device.offered_now', 'device.cancelled', 'device.retried', 'device.sent_back'].map((type) => [type, 'admin']),
    );
    expect(items.at(-1)).toMatchObject({ mac, rollout: null, data: { from: '1.1.0', to: '1.0.0', ...BECAUSE } });
  });

  describe('undo of a rollout', () => {
    const preview = async (version: string) =>
      server.admin('previewRevert', { params: { name: line.rolloutName(version) } });

    test.each(['expand', 'complete'] as const)(
      'that is at %s takes all its boards back to what was before',
      async (at) => {
        await line.makeStable('1.0.0');
        await line.add('1.1.0');
        await line.rollOut('1.1.0', at);
        const [done, late, trial] = [
          await line.newDevice('1.0.0'),
          await line.newDevice('1.0.0'),
          await line.newDevice('1.0.0'),
        ];
        await line.update(done, '1.0.0', '1.1.0');
        await line.take(trial, '1.0.0');
        await line.checkIn(trial, '1.1.0', ON_TRIAL);
        const counted = await preview('1.1.0');
        expect(counted).toMatchObject({ devices_running: 2, goes_to: [{ version: '1.0.0', devices: 2 }], stays: [] });
        expect(await undo('1.1.0')).toMatchObject({ status: 'aborted', reverted_at: expect.any(String) });
        expect(await line.checkIn(done, '1.1.0')).toMatchObject({ manifest: { version: '1.0.0' }, rollback: true });
        expect(await reason(late)).toBe('up_to_date');
        expect(await reason(trial, '1.1.0')).toBe('reverted_go_back');
        await line.checkIn(done, '1.0.0');
        expect(await reason(done)).toBe('up_to_date');
        expect(await preview('1.1.0'), 'who is still on the way').toMatchObject({ devices_running: 1 });
        const { items } = await server.admin('listAudit', {
          query: { subject: line.rolloutName('1.1.0'), action: 'rollout.undo' },
        });
        expect(items).toMatchObject([{ details: { revert: true, ...BECAUSE } }]);
        const told = await server.admin('listEvents', {
          query: { rollout: line.rolloutName('1.1.0'), type: 'rollout.undone' },
        });
        expect(told.items).toMatchObject([{ version: '1.1.0', data: { revert: true } }]);
      },
    );

    test('works after an abort that kept the build, once; a new rollout of the build ends it', async () => {
      await begin();
      const mac = await line.newDevice('1.0.0');
      await line.update(mac, '1.0.0', '1.1.0');
      await line.move('1.1.0', 'abort');
      expect(await reason(mac, '1.1.0')).toBe('newer_than_target');
      await undo('1.1.0');
      expect(await reason(mac, '1.1.0')).toBe('reverted_go_back');
      const again = await server.tryAdmin('undoRollout', { params: { name: line.rolloutName('1.1.0') }, body: {} });
      expect(again.body).toMatchObject({
        error: { code: 'invalid_transition', message: expect.stringContaining('already') },
      });
      const name = `${line.product}-again`;
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, name } });
      await server.admin('startRollout', { params: { name }, body: {} });
      expect(await reason(mac, '1.1.0')).not.toBe('reverted_go_back');
    });

    test('is refused for a draft, and where another rollout of the build completed', async () => {
      await begin();
      await line.move('1.1.0', 'promote');
      const name = `${line.product}-second`;
      await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, name } });
      const call = async () => refusal(server.tryAdmin('undoRollout', { params: { name }, body: {} }));
      expect(await call()).toMatchObject({
        error: { code: 'invalid_transition', message: expect.stringContaining('draft') },
      });
      await server.admin('startRollout', { params: { name }, body: {} });
      for (const from of ['pilot', 'expand'])
        await server.admin('promoteRollout', { params: { name }, body: { from, override: true, reason: 'both' } });
      const first = await server.tryAdmin('undoRollout', { params: { name: line.rolloutName('1.1.0') }, body: {} });
      expect(first.body).toMatchObject({
        error: { message: expect.stringContaining(`rollout ${name} of 1.1.0 completed`) },
      });
      expect(await call()).toMatchObject({
        error: { code: 'invalid_transition', hint: expect.stringContaining('otter firmware block 1.1.0') },
      });
    });
  });
});
