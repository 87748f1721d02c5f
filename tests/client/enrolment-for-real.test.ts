// Boards with tokens of their own against a real server, on both databases: the real library enrols, updates, and is let in again
// after everything that may become of a token. What a thief with the fleet token can do beside it is one of the stories.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIALECTS } from '../support/scope.ts';
import { openRaw } from '../support/server/raw-database.ts';
import type { TestServer } from '../support/server/server.ts';
import { Bench, finalReportsOf, startServerForBoards } from './support/bench.ts';

/** An hour, after which a board may ask again, in seconds of the test. */
const HURRY: readonly string[] = ['--rest-speed', '900'];

describe.each(DIALECTS)('the library and a real server on %s', (dialect) => {
  describe.concurrent('first-use', () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await startServerForBoards({ dialect });
    });
    afterAll(async () => server.end());

    test('enrols by itself, and from then on speaks with its own token alone', async ({ onTestFinished }) => {
      const bench = new Bench(server, onTestFinished);
      const device = await bench.board();
      await device.waitFor('enrolled');
      await bench.offer('1.1.0');
      await device.waitFor('confirmed');
      await bench.knowsUpdated('1.1.0');
      await bench.seenAgain(device);
      expect(await bench.detail()).toMatchObject({
        identity: { token: 'accepted', spoke_last: 'device_token', claimed_twice_at: null, pending: [] },
      });
      expect(await finalReportsOf(server, bench.mac)).toEqual([['confirmed']]);
      expect(device.names()).not.toContain('token_refused');
    });

    test('a board that checked in before it knew of tokens enrols with its next library', async ({
      onTestFinished,
    }) => {
      const bench = new Bench(server, onTestFinished);
      for (let times = 0; times < 3; times += 1) await bench.line.checkIn(bench.mac, '1.0.0');
      const device = await bench.board();
      await device.waitFor('enrolled');
      await bench.seenAgain(device);
      expect(await bench.detail()).toMatchObject({ identity: { token: 'accepted', claimed_twice_at: null } });
    });

    test('a token that was revoked: the board is heard, gets nothing, and comes back when it is let in', async ({
      onTestFinished,
    }) => {
      const bench = new Bench(server, onTestFinished);
      const device = await bench.board({ args: HURRY });
      await device.waitFor('enrolled');
      await bench.seenAgain(device);
      await bench.server.admin('revokeToken', { params: { device: bench.mac } });
      await device.waitFor('token_refused');
      await bench.offer('1.1.0');
      await device.waitFor('enrolment_pending');
      await device.waitFor('checked', { after: device.moment });
      expect(device.names()).not.toContain('offered');
      expect(device.names()).not.toContain('failed');
      await bench.server.admin('reopenEnrolment', { params: { device: bench.mac } });
      await device.waitFor('enrolled', { after: device.moment });
      await device.waitFor('confirmed');
      await bench.knowsUpdated('1.1.0');
    });

    test('a server that lost its tokens is asked again with the same one', async ({ onTestFinished }) => {
      const bench = new Bench(server, onTestFinished);
      const device = await bench.board({ args: HURRY });
      await device.waitFor('enrolled');
      const { identity } = await bench.detail();
      await device.waitFor('checked', { after: device.moment });
      await forgetTokens(server, bench.mac);
      await device.waitFor('token_refused');
      await device.waitFor('enrolled', { after: device.moment });
      await bench.seenAgain(device);
      expect((await bench.detail()).identity).toMatchObject({
        token: 'accepted',
        token_prefix: identity.token_prefix,
        spoke_last: 'device_token',
      });
      expect(device.names()).not.toContain('failed');
    });

    test('a board that lost its memory waits for a person, and goes on with its new token', async ({
      onTestFinished,
    }) => {
      const bench = new Bench(server, onTestFinished);
      const device = await bench.board({ args: HURRY });
      await device.waitFor('enrolled');
      await bench.seenAgain(device);
      await device.switchOff();
      await device.eraseNvs();
      device.switchOn();
      await device.waitFor('enrolment_pending', { after: device.moment });
      expect(await bench.detail()).toMatchObject({ identity: { pending: [{ mac: bench.mac }] } });
      await bench.server.admin('acceptEnrolment', { params: { device: bench.mac } });
      await device.waitFor('enrolled', { after: device.moment });
      await bench.offer('1.1.0');
      await device.waitFor('confirmed');
      await bench.knowsUpdated('1.1.0');
    });

    test('a thief who enrols the board first is seen: the board goes on, and one command lets it in', async ({
      onTestFinished,
    }) => {
      const bench = new Bench(server, onTestFinished);
      await bench.line.checkIn(bench.mac, '1.0.0');
      const stolen = `otd_${randomBytes(32).toString('base64url')}`;
      const enrol = { token: server.fleetToken, body: { mac: bench.mac, token: stolen } };
      expect(await server.json('POST', '/api/v1/enrol', enrol)).toMatchObject({ body: { state: 'accepted' } });
      const device = await bench.board({ args: HURRY });
      await device.waitFor('enrolment_pending');
      await bench.seenAgain(device);
      expect(device.names()).not.toContain('failed');
      const { identity } = await bench.detail();
      expect(identity.pending).toHaveLength(1);
      await bench.server.admin('acceptEnrolment', { params: { device: bench.mac } });
      await device.waitFor('enrolled', { after: device.moment });
      await bench.offer('1.1.0');
      await device.waitFor('confirmed');
      const body = { mac: bench.mac, current_version: '1.0.0' };
      expect(await server.json('POST', '/api/v1/check-update', { token: stolen, body })).toMatchObject({ status: 401 });
    });

    test('two boards made by copying one flash have a token each', async ({ onTestFinished }) => {
      const bench = new Bench(server, onTestFinished);
      const copied = new Bench(server, onTestFinished);
      const device = await bench.board();
      await device.waitFor('enrolled');
      await device.switchOff();
      const copy = await copied.board({ args: HURRY });
      await copy.waitFor('boot');
      await copy.switchOff();
      await copy.copyNvsOf(device);
      const from = copy.moment;
      copy.switchOn();
      await copy.waitFor('enrolled', { after: from });
      device.switchOn();
      await bench.seenAgain(device);
      await copied.seenAgain(copy);
      for (const each of [bench, copied])
        expect(await each.detail()).toMatchObject({ identity: { token: 'accepted', spoke_last: 'device_token' } });
      expect((await bench.detail()).identity.token_prefix).not.toBe((await copied.detail()).identity.token_prefix);
    });
  });

  test('required: a board enrols with its first check, and is offered from its second on', async ({
    onTestFinished,
  }) => {
    const server = await startServerForBoards({ dialect, settings: 'devices: {identity: required}' });
    onTestFinished(async () => server.end());
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    const device = await bench.board();
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
    expect(device.log.join('\n')).toContain('1.0.0 stays (enrolment_required)');
    expect(device.names().indexOf('enrolled')).toBeLessThan(device.names().indexOf('offered'));
  });

  test('approve: a board waits for a person, and says so', async ({ onTestFinished }) => {
    const server = await startServerForBoards({ dialect, settings: 'devices: {identity: approve}' });
    onTestFinished(async () => server.end());
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    const device = await bench.board({ args: HURRY });
    await device.waitFor('enrolment_pending');
    await device.waitFor('checked', { after: device.moment });
    expect(device.log.join('\n')).toContain(`npx otter device accept ${bench.mac}`);
    expect(device.names()).not.toContain('offered');
    await server.admin('acceptEnrolment', { params: { device: bench.mac } });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });
});

/** As a server that was restored from a backup of before. */
async function forgetTokens(server: TestServer, mac: string): Promise<void> {
  const raw = await openRaw(server, { writes: true });
  await raw.query(`delete from identities where name = '${mac}'`);
  await raw.close();
}
