// What operators see of a device, and what failures do to it over time, over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RULES } from '#engine/decision/rules.ts';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(DIALECTS)('a device on %s', (dialect) => {
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

  test('rests after each failure, from 1 minute doubling to 6 hours, and says when it asks again', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const minutes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360];
    for (const [failures, rest] of minutes.entries()) {
      const assignment = await line.offer(mac, '1.0.0');
      expect((await line.assignments(mac))[0]).toMatchObject({ id: assignment, attempt: failures + 1 });
      await line.report(mac, assignment, 1, 'failed', { error_code: 'connection_lost' });
      const held = await line.checkIn(mac, '1.0.0');
      expect(held).toMatchObject({ update_available: false, reason: 'backing_off' });
      expect(held.poll_interval_s).toBeLessThanOrEqual(Math.max(30, rest * 60));
      server.clock.advance(rest * 60 - 1);
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'backing_off' });
      server.clock.advance(1);
    }
    expect((await line.detail(mac)).builds).toMatchObject([
      { version: '1.1.0', failures: minutes.length, known_bad: false, last_error: 'connection_lost' },
    ]);
  });

  test('does not count the same failure again when it only polls', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const assignment = await line.offer(mac, '1.0.0');
    await line.report(mac, assignment, 1, 'installing');
    for (let poll = 0; poll < 3; poll += 1) await line.checkIn(mac, '1.0.0');
    const failedAt = new Date(server.clock.nowMs).toISOString();
    server.clock.advance(30);
    await line.checkIn(mac, '1.0.0');
    await line.report(mac, assignment, 2, 'failed', { error_code: 'flash_write' });
    expect((await line.detail(mac)).builds).toMatchObject([{ failures: 1, last_failed_at: failedAt }]);
    server.clock.advance(30);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
  });

  test('that rolled back a crashing build is not offered it again, but a newer one', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ reason: 'known_bad' });
    expect(await line.assignments(mac)).toMatchObject([{ state: 'rolled_back', error_code: 'crash' }]);
    server.clock.advance(30 * 86_400);
    expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ reason: 'known_bad' });
    expect((await line.detail(mac)).builds).toMatchObject([{ known_bad: true, next_offer_at: null }]);
    const shown = async () => (await line.detail(mac)).device;
    expect(await shown()).toMatchObject({ status: 'failed', attributes: { boot_reason: 'panic' } });
    const first = (await shown()).rollout;
    expect(first).toContain('1.1.0');
    await line.move('1.1.0', 'abort');
    await line.add('1.1.1');
    await line.rollOut('1.1.1', 'expand');
    expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ manifest: { version: '1.1.1' } });
    expect((await shown()).rollout).toContain('1.1.1');
    expect((await line.detail(await line.newDevice('1.1.1'))).device).toMatchObject({ rollout: null });
  });

  test('that lost power on trial is offered the build again until it failed three times', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const back = { boot: { state: 'confirmed', reason: 'POWERON' } };
    for (const [index, reason] of ['backing_off', 'backing_off', 'known_bad'].entries()) {
      await line.offer(mac, '1.0.0', back);
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      expect(await line.checkIn(mac, '1.0.0', back)).toMatchObject({ reason });
      server.clock.advance(60 * 2 ** index);
    }
  });

  test('is offered a failed build again when an operator clears it, and then counts anew', async () => {
    await line.add('1.1.0');
    await line.add('1.2.0');
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    const first = await line.offer(mac, '1.0.0');
    await line.report(mac, first, 1, 'failed', { error_code: 'hash' });
    const clear = async (query: Readonly<Record<string, string>> = {}) =>
      server.admin('clearKnownBad', { params: { device: mac }, query });
    expect(await clear({ version: '1.2.0' }), 'another build').toMatchObject({ cleared: [] });
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'backing_off' });
    expect(await clear({ version: '1.1.0' })).toMatchObject({
      cleared: ['1.1.0'],
      builds: [{ version: '1.1.0', failures: 1, known_bad: false, last_error: 'hash', note: null }],
    });
    const second = await line.offer(mac, '1.0.0');
    await line.report(mac, second, 1, 'failed', { error_code: 'hash' });
    expect((await line.detail(mac)).builds).toMatchObject([{ failures: 1 }]);
    server.clock.advance(60);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
    expect(await server.tryAdmin('clearKnownBad', { params: { device: line.newMac() } })).toMatchObject({
      status: 404,
      body: { error: { code: 'device_unknown' } },
    });
  });

  test('is explained as it is answered, whatever the answer is', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0', { chips: ['esp32', 'esp32s3'] });
    await line.rollOut('1.1.0', 'pilot');
    server.clock.advance(1);
    const late = await line.newDevice('1.0.0', ['pilot']);
    const same = async (
      mac: string,
      version: string,
      more: Readonly<Record<string, unknown>> = {},
    ): Promise<string> => {
      const answer = await line.checkIn(mac, version, more);
      const explained = await line.explain(mac);
      expect(explained.reason).toBe(answer.reason);
      expect(explained.outcome).toBe(
        answer.update_available ? (answer.rollback === true ? 'rollback' : 'install') : 'hold',
      );
      expect(explained.version).toBe(answer.manifest?.version ?? null);
      expect(explained.rules.filter(({ matched }) => matched === true).map(({ rule }) => rule)).toEqual([
        answer.reason,
      ]);
      return answer.reason;
    };
    const seen = [
      await same(line.newMac(), '1.0.0'),
      await same(line.newMac(), '0.9.0'),
      await same(late, '1.0.0', { chip: 'esp32' }),
    ];
    await line.move('1.1.0', 'promote');
    const mac = line.newMac();
    seen.push(
      await same(line.newMac(), 'local build'),
      await same(line.newMac(), '1.0.0'),
      await same(line.newMac(), '1.0.0', { chip: 'esp32c3' }),
      await same(line.newMac(), '1.0.0', { chip: 'esp32', slot_bytes: 10 }),
      await same(line.newMac(), '1.2.0', { chip: 'esp32' }),
      await same(mac, '1.0.0', { chip: 'esp32' }),
      await same(mac, '1.1.0', ON_TRIAL),
      await same(mac, '1.0.0', { chip: 'esp32', ...CAME_BACK }),
    );
    await line.move('1.1.0', 'pause');
    seen.push(await same(line.newMac(), '1.0.0', { chip: 'esp32' }));
    await line.block('1.1.0');
    seen.push(await same(line.newMac(), '1.1.0', { chip: 'esp32' }));
    await line.block('1.0.0');
    seen.push(await same(line.newMac(), '1.1.0', { chip: 'esp32' }));
    expect(seen).toEqual([
      'not_in_stage',
      'update',
      'label_after_stage_opened',
      'version_unreadable',
      'chip_unknown',
      'no_image_for_chip',
      'slot_too_small',
      'newer_than_target',
      'update',
      'trial_running',
      'known_bad',
      'rollout_paused',
      'blocked_go_back',
      'blocked_without_prior_stable',
    ]);
  });

  test('is explained with every rule of the table and a sentence', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'pilot');
    const mac = await line.newDevice('1.0.0', ['shop']);
    const { rules, text } = await line.explain(mac);
    expect(rules.map(({ rule }) => rule)).toEqual(RULES.map(({ id }) => id));
    expect(text).toContain('the device is not in its stage');
    expect(text).toContain('labels of the device: shop');
    expect(await server.tryAdmin('explainDevice', { params: { device: line.newMac() } })).toMatchObject({
      status: 404,
    });
  });

  test('is silent after three polls that it missed', async () => {
    const mac = line.newMac();
    const { poll_interval_s } = await line.checkIn(mac, '1.0.0');
    server.clock.advance(3 * poll_interval_s);
    expect((await line.detail(mac)).device.status).toBe('ok');
    server.clock.advance(1);
    expect((await line.detail(mac)).device.status).toBe('silent');
    await line.checkIn(mac, '1.0.0');
    expect((await line.detail(mac)).device.status).toBe('ok');
  });
});
