// What makes a build known bad on a board, and how an operator takes that back so that the board hears of it. Over real
// HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAME_BACK, ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

/** Longer than any back-off of a few failures. */
const REST_S = 3_600;

describe.each(DIALECTS)('a build on a board on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let mac: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(async () => {
    server.clock.advance(1);
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    mac = await line.newDevice('1.0.0');
  });
  afterAll(async () => server.end());

  const build = async () => (await line.detail(mac)).builds[0];
  const clear = async () => server.admin('clearKnownBad', { params: { device: mac } });
  const retry = async () =>
    server.admin('retryRollout', { params: { name: line.rolloutName('1.1.0') }, body: { reason: 'server is back' } });
  /** Ends the next attempt with this report, and waits until its back-off is over. */
  const end = async (status: 'failed' | 'rolled_back' | 'rejected', error_code?: string, more = {}) => {
    const id = await line.offer(mac, '1.0.0', more);
    await line.report(mac, id, 1, status, error_code === undefined ? {} : { error_code });
    server.clock.advance(REST_S);
  };
  /** Takes the offer, is seen on trial, and is back on the build before without a report. */
  const comeBack = async (more: Readonly<Record<string, unknown>> = {}) => {
    await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    return line.checkIn(mac, '1.0.0', more);
  };

  describe('is known bad', () => {
    test.each(['crash', 'self_test', 'image', 'activate'])('after one report of %s', async (code) => {
      await end(code === 'image' || code === 'activate' ? 'failed' : 'rolled_back', code);
      expect(await build()).toMatchObject({ failures: 1, known_bad: true });
    });

    test.each(['trial_timeout', 'power', 'flash_hash', undefined])(
      'after three rollbacks or failures for %s, not after two',
      async (code) => {
        for (let round = 0; round < 2; round += 1) await end(code === undefined ? 'failed' : 'rolled_back', code);
        expect(await build()).toMatchObject({ failures: 2, known_bad: false });
        await end(code === undefined ? 'failed' : 'rolled_back', code);
        expect(await build()).toMatchObject({ failures: 3, known_bad: true });
      },
    );

    test.each(['low_power', 'deferred', 'busy'])(
      'never for %s, which lets it rest a quarter of an hour',
      async (code) => {
        for (let round = 0; round < 12; round += 1) await end('failed', code);
        expect(await build()).toMatchObject({ failures: 12, known_bad: false });
        await line.report(mac, await line.offer(mac, '1.0.0'), 1, 'failed', { error_code: code });
        expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'backing_off' });
        server.clock.advance(900);
        expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
      },
    );

    test('at once when the board came back and said so, without a cause', async () => {
      expect(await comeBack({ boot: { state: 'confirmed', reason: 'SW', rolled_back_from: '1.1.0' } })).toMatchObject({
        reason: 'known_bad',
      });
    });

    test('after it came back three times by itself, without a word', async () => {
      for (const reason of ['backing_off', 'backing_off', 'known_bad']) {
        expect(await comeBack()).toMatchObject({ reason });
        server.clock.advance(REST_S);
      }
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'known_bad' });
    });

    test('at once when a word comes after it was seen back', async () => {
      expect(await comeBack()).toMatchObject({ reason: 'backing_off' });
      const left = { boot: { state: 'confirmed', reason: 'SW', rolled_back_from: '1.1.0' } };
      expect(await line.checkIn(mac, '1.0.0', left)).toMatchObject({ reason: 'known_bad' });
    });

    test.each([
      ['ESP_RST_CPU_LOCKUP', 'crash', 'known_bad'],
      ['cpu lockup', 'crash', 'known_bad'],
      ['ESP_RST_PWR_GLITCH', 'power', 'backing_off'],
      ['pwr_glitch', 'power', 'backing_off'],
    ])('by the reset reason %s: %s', async (reason, error_code, held) => {
      expect(await comeBack({ boot: { state: 'confirmed', reason } })).toMatchObject({ reason: held });
      expect(await line.assignments(mac)).toMatchObject([{ state: 'rolled_back', error_code }]);
    });
  });

  test('keeps the cause of a rollback whose report comes after it was seen confirmed', async () => {
    const id = await line.offer(mac, '1.0.0');
    await line.checkIn(mac, '1.1.0', ON_TRIAL);
    await line.checkIn(mac, '1.1.0');
    await line.report(mac, id, 1, 'confirmed');
    await line.report(mac, id, 2, 'rolled_back', { error_code: 'power', detail: 'at 3.1 V' });
    expect(await line.assignments(mac)).toMatchObject([
      { state: 'rolled_back', error_code: 'power', detail: 'at 3.1 V' },
    ]);
    expect(await build()).toMatchObject({ known_bad: false, last_error: 'power' });
  });

  describe('that an operator clears', () => {
    test('is offered as forgiven until an attempt with it has ended, and then counts anew', async () => {
      await end('rolled_back', 'crash');
      expect(await line.checkIn(mac, '1.0.0', CAME_BACK)).toMatchObject({ reason: 'known_bad' });
      expect(await clear()).toMatchObject({
        cleared: ['1.1.0'],
        builds: [{ version: '1.1.0', failures: 1, known_bad: true, last_error: 'crash', note: null }],
      });
      const first = await line.checkIn(mac, '1.0.0', CAME_BACK);
      expect(first).toMatchObject({ update_available: true, forgiven: true });
      expect(await line.checkIn(mac, '1.0.0', CAME_BACK), 'the same offer once more').toEqual({
        ...first,
        poll_interval_s: expect.any(Number),
      });
      await end('failed', 'flash_write');
      const second = await line.checkIn(mac, '1.0.0');
      expect(second).toMatchObject({ update_available: true });
      expect(second).not.toHaveProperty('forgiven');
      await end('rolled_back', 'crash');
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'known_bad' });
    });

    test('stays forgiven as long as the board did not get to try it', async () => {
      await end('rolled_back', 'crash');
      await clear();
      await end('failed', 'connection_lost');
      await end('failed', 'low_power');
      await end('rejected', 'busy');
      const id = await line.offer(mac, '1.0.0');
      server.clock.advance(2 * 86_400);
      await server.tick();
      expect(await line.assignments(mac)).toContainEqual(expect.objectContaining({ id, state: 'timed_out' }));
      server.clock.advance(REST_S);
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ forgiven: true });
      await line.checkIn(mac, '1.1.0', ON_TRIAL);
      await line.checkIn(mac, '1.1.0');
      expect(await line.assignments(mac)).toContainEqual(expect.objectContaining({ state: 'confirmed' }));
    });

    test('is forgiven as often as it is cleared; a late report of an attempt before changes nothing', async () => {
      const id = await line.offer(mac, '1.0.0');
      await line.report(mac, id, 2, 'rolled_back', { error_code: 'crash' });
      await clear();
      await line.report(mac, id, 1, 'trial');
      await line.report(mac, id, 3, 'rolled_back', { error_code: 'crash' });
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ forgiven: true });
      await end('rolled_back', 'watchdog');
      await clear();
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ forgiven: true });
    });

    test('and that the board refuses all the same is known bad again, and the next answer says what is needed', async () => {
      await end('rolled_back', 'crash');
      await clear();
      await end('rejected', 'known_bad');
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: false, reason: 'known_bad' });
      expect((await line.explain(mac)).to_change).toMatch(/the board itself refuses .*cable.*newer version/);
      expect(await clear()).toMatchObject({
        builds: [{ last_error: 'known_bad', note: expect.stringMatching(/refused .*cable.*newer version/) }],
      });
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ forgiven: true });
    });

    test.each([
      ['OtterOTA 0.1.0', true],
      ['OtterOTA 0.1.9-rc.1', true],
      ['OtterOTA of my own', true],
      ['OtterOTA 0.2.0', false],
      ['OtterOTA 1.0.0', false],
      ['other-client 0.1.0', false],
      [undefined, false],
    ])('on a board with library %s: says what it needs instead: %s', async (library, needsMore) => {
      const more = library === undefined ? {} : { library };
      await line.checkIn(mac, '1.0.0', more);
      await end('rolled_back', 'crash', more);
      const note = needsMore ? expect.stringMatching(/OtterOTA .*cable.*newer version/) : null;
      expect(await clear()).toMatchObject({ cleared: ['1.1.0'], builds: [{ version: '1.1.0', note }] });
      expect(await line.checkIn(mac, '1.0.0', more)).toMatchObject({ forgiven: true });
    });
  });

  describe('in a retry of its rollout', () => {
    test('is offered again, as forgiven, after three trials that did not reach the server', async () => {
      for (let round = 0; round < 3; round += 1) await end('rolled_back', 'trial_timeout');
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'known_bad' });
      expect(await retry()).toEqual({
        devices: 1,
        examples: [mac],
        known_bad: { devices: 0, examples: [], causes: [] },
      });
      expect(await build()).toMatchObject({ failures: 1, known_bad: false });
      expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true, forgiven: true });
    });

    test('stays known bad where there is proof, and the answer says on how many boards and why', async () => {
      await end('rolled_back', 'trial_timeout');
      await end('rolled_back', 'crash');
      const crashed = mac;
      mac = await line.newDevice('1.0.0');
      for (let round = 0; round < 3; round += 1) await end('failed');
      const unknown = mac;
      mac = await line.newDevice('1.0.0');
      await end('rolled_back', 'crash');
      mac = await line.newDevice('1.0.0');
      await end('failed', 'connection_lost');
      expect(await retry()).toEqual({
        devices: 0,
        examples: [],
        known_bad: {
          devices: 3,
          examples: [crashed, unknown, expect.any(String)],
          causes: [
            { cause: 'crash', devices: 2 },
            { cause: null, devices: 1 },
          ],
        },
      });
    });
  });
});
