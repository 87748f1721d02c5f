// Boards with tokens of their own, over real HTTPS: who is let in, who speaks for a board, what one token opens and what it does not.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rotateFleetToken } from '#server/home/replace-token.ts';
import { ON_TRIAL, ProductLine } from '../../support/product-line.ts';
import { BOTH, DIALECTS } from '../../support/scope.ts';
import type { Answered } from '../../support/server/client.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const DAY_S = 86_400;
const HOUR_S = 3_600;

const newToken = (): string => `otd_${randomBytes(32).toString('base64url')}`;

/** What a test says for a board, with the token that it chooses. */
class Voice {
  readonly #server: TestServer;
  readonly #line: ProductLine;

  constructor(server: TestServer, line: ProductLine) {
    this.#server = server;
    this.#line = line;
  }

  async enrol(mac: string, token: string, by = this.#server.fleetToken): Promise<Answered> {
    return this.#server.json('POST', '/api/v1/enrol', { token: by, body: { mac, token } });
  }

  async check(mac: string, token: string, version = '1.0.0', more: object = {}): Promise<Answered> {
    const body = { mac, current_version: version, labels: [], product: this.#line.product, chip: 'esp32', ...more };
    return this.#server.json('POST', '/api/v1/check-update', { token, body });
  }

  async reason(mac: string, token: string, version = '1.0.0'): Promise<unknown> {
    const { status, body } = await this.check(mac, token, version);
    return status === 200 ? body['reason'] : errorOf({ status, body, headers: {} });
  }

  async report(mac: string, token: string, assignmentId: number, sequence: number, status: string): Promise<Answered> {
    const body = { mac, assignment_id: assignmentId, sequence, status };
    return this.#server.json('POST', '/api/v1/report-status', { token, body });
  }
}

function errorOf({ status, body }: Answered): string {
  const { error } = body;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'none';
  return `${status} ${code}`;
}

describe.each(BOTH)('device tokens on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let voice: Voice;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    voice = new Voice(server, line);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const fleet = (): string => server.fleetToken;
  const params = (mac: string) => ({ params: { device: mac } });

  test('a board enrols with the fleet token, asks twice and is answered alike, and speaks with its own from then on', async () => {
    const [mac, token] = [await line.newDevice('1.0.0'), newToken()];
    expect(await voice.check(mac, token)).toMatchObject({ status: 401 });
    for (let time = 0; time < 2; time += 1)
      expect(await voice.enrol(mac, token)).toMatchObject({ status: 200, body: { state: 'accepted' } });
    expect(await voice.reason(mac, token)).toBe('nothing_to_offer');
    expect(await line.detail(mac)).toMatchObject({
      identity: { token: 'accepted', spoke_last: 'device_token', claimed_twice_at: null, pending: [] },
    });
  });

  test('a device token opens no admin address, enrols nobody, and is refused before the body where it is unknown', async () => {
    const [mac, token] = [await line.newDevice('1.0.0'), newToken()];
    await voice.enrol(mac, token);
    expect(errorOf(await server.json('GET', '/api/v1/admin/status', { token }))).toBe('403 wrong_scope');
    expect(errorOf(await voice.enrol(line.newMac(), newToken(), token))).toBe('403 wrong_scope');
    const unknown = await server.json('POST', '/api/v1/check-update', { token: newToken(), body: '{"mac": broken' });
    expect(errorOf(unknown), 'and not json_invalid').toBe('401 token_invalid');
  });

  test.each(['otd_short', `otd_${'A'.repeat(44)}`, `otf_${'A'.repeat(43)}`, '', 7])('no token is %j', async (token) => {
    const body = { mac: line.newMac(), token };
    expect((await server.json('POST', '/api/v1/enrol', { token: fleet(), body })).status).toBe(400);
  });

  test('B2: the token of one board speaks for no other: it checks in, reports and fetches for itself alone', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.add('1.2.0');
    await line.rollOut('1.1.0', 'expand');
    const [mine, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    const tokens = { [mine]: newToken(), [other]: newToken() };
    for (const [mac, token] of Object.entries(tokens)) await voice.enrol(mac, token);
    const own = tokens[mine] ?? '';
    expect(errorOf(await voice.check(other, own))).toBe('403 other_board');
    const offer = (await voice.check(mine, own)).body;
    const others = (await voice.check(other, tokens[other] ?? '')).body;
    const id = Number(others['assignment_id']);
    expect(errorOf(await voice.report(other, own, id, 1, 'failed'))).toBe('403 other_board');
    expect(errorOf(await voice.report(mine, own, id, 1, 'failed'))).toBe('404 assignment_unknown');
    const fetched = async (version: string) =>
      server.fetch('GET', `/firmware/${line.product}/${version}/esp32/image.bin`, { token: own });
    expect((await server.fetch('GET', String(offer['url']), { token: own })).status).toBe(200);
    expect((await fetched('1.2.0')).status, 'not released to it').toBe(403);
    expect((await line.detail(other)).assignments[0]).toMatchObject({ state: 'offered' });
  });

  test('the fleet token fetches what was released, and nothing before', async () => {
    await line.makeStable('1.0.0');
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) await line.add(version);
    await line.rollOut('1.1.0', 'expand');
    await line.rollOut('1.2.0', 'draft');
    const ask = async (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
      (await server.fetch(method, path, { token: fleet(), headers })).status;
    const folder = (version: string, chip = 'esp32') => `/firmware/${line.product}/${version}/${chip}`;
    const mac = await line.newDevice('1.0.0');
    const { url = '', assignment_id: id } = await line.checkIn(mac, '1.0.0');
    // As a board fetches it, as a person does, and as a board that resumes.
    for (const path of [url, `${folder('1.1.0')}/image.bin`, `${folder('1.0.0')}/image.bin`]) {
      expect(await ask('GET', path), path).toBe(200);
      expect(await ask('GET', path, { range: 'bytes=100-' }), path).toBe(206);
    }
    expect(await ask('GET', `${folder('1.1.0')}/manifest.json`)).toBe(200);
    await line.add('1.1.0', { chips: ['esp32s3'] });
    for (const name of [folder('1.2.0'), folder('1.3.0'), folder('1.1.0', 'esp32s3')])
      for (const [method, path] of [
        ['GET', `${name}/image.bin`],
        ['HEAD', `${name}/image.bin`],
        ['GET', `${name}/image.bin?assignment=${id}`],
        ['GET', `${name}/image.bin?assignment=999999999`],
        ['GET', `${name}/manifest.json`],
      ] as const)
        expect([path, await ask(method, path)]).toEqual([path, 403]);
    await line.block('1.3.0');
    expect(errorOf(await server.json('GET', `${folder('1.3.0')}/image.bin`, { token: fleet() }))).toBe(
      '403 not_released',
    );
    await line.move('1.1.0', 'abort');
    expect(await ask('GET', url, { range: 'bytes=100-' }), 'what was begun goes on').toBe(206);
  });

  test('whatever was offered can be fetched with the fleet token at the address of the offer', async () => {
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const { url = '' } = await line.checkIn(line.newMac(), '1.0.0');
    const raw = await openRaw(server, { writes: true });
    await raw.query('delete from rollout_images');
    await raw.close();
    expect((await server.fetch('GET', url, { token: fleet() })).status).toBe(200);
    expect((await server.fetch('GET', url.split('?', 1)[0] ?? '', { token: fleet() })).status).toBe(403);
  });

  test('a download with the token of a board says nothing of the assignment of another', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const [mine, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    const token = newToken();
    await voice.enrol(mine, token);
    await voice.check(mine, token);
    const { url = '' } = await line.checkIn(other, '1.0.0');
    expect((await server.fetch('GET', url, { token })).status).toBe(200);
    expect((await line.detail(other)).assignments[0]).toMatchObject({ state: 'offered' });
  });

  test('a cloned flash: a token that another board has is refused, and says to make a new one', async () => {
    const token = newToken();
    const [first, second] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    await voice.enrol(first, token);
    expect(errorOf(await voice.enrol(second, token))).toBe('403 other_board');
  });

  test('a board that lost its memory asks again and waits, goes on with the fleet token, and a person lets it in', async () => {
    const mac = await line.newDevice('1.0.0');
    const [lost, fresh] = [newToken(), newToken()];
    await voice.enrol(mac, lost);
    await voice.check(mac, lost);
    expect((await voice.enrol(mac, fresh)).body).toEqual({ state: 'pending' });
    expect(await voice.reason(mac, fresh)).toBe('401 token_invalid');
    expect(await voice.reason(mac, fleet())).toBe('nothing_to_offer');
    const { items } = await server.admin('listEnrolments');
    expect(items.filter((one) => one.mac === mac)).toMatchObject([{ has_token: true }]);
    expect((await server.admin('getStatus')).calls.map(({ kind }) => kind)).toContain('enrolments');
    await server.admin('acceptEnrolment', params(mac));
    expect(await voice.reason(mac, fresh)).toBe('nothing_to_offer');
    expect(await voice.reason(mac, lost)).toBe('401 token_invalid');
    expect((await voice.enrol(mac, fresh)).body).toEqual({ state: 'accepted' });
  });

  test('two that claim one board: the fleet token is offered nothing there, nothing that it says is kept, and status calls', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    const [mac, token] = [await line.newDevice('1.0.0'), newToken()];
    await voice.enrol(mac, token);
    await line.rollOut('1.1.0', 'expand');
    await voice.check(mac, token);
    server.clock.advance(60);
    await voice.check(mac, fleet());
    server.clock.advance(60);
    await voice.check(mac, token);
    expect(await voice.reason(mac, fleet(), '0.0.1')).toBe('claimed_twice');
    const detail = await line.detail(mac);
    expect(detail.device.current_version).toBe('1.0.0');
    expect(detail.identity.claimed_twice_at).not.toBeNull();
    const assignment = detail.assignments[0]?.id ?? 0;
    expect(errorOf(await voice.report(mac, fleet(), assignment, 1, 'failed'))).toBe('403 not_this_board');
    const { calls } = await server.admin('getStatus');
    expect(calls.find(({ kind }) => kind === 'claimed_twice')?.text).toContain(mac);
    expect((await line.explain(mac)).reason).toBe('claimed_twice');
    expect((await voice.check(mac, token)).body['update_available'], 'its own token goes on').toBe(true);
  });

  test('after 7 days of its own token alone, the fleet token does not speak for a board any more', async () => {
    for (const [afterS, expected] of [
      [7 * DAY_S - 1, 'nothing_to_offer'],
      [7 * DAY_S, 'claimed_twice'],
    ] as const) {
      const [mac, token] = [await line.newDevice('1.0.0'), newToken()];
      await voice.enrol(mac, token);
      await voice.check(mac, token);
      server.clock.advance(afterS);
      expect(await voice.reason(mac, fleet())).toBe(expected);
    }
  });

  test('the way back opens the fleet token again: the build that a board goes to may know nothing of device tokens', async () => {
    await line.makeStable('1.0.0');
    await line.makeStable('1.1.0');
    const [mac, token] = [await line.newDevice('1.1.0'), newToken()];
    await voice.enrol(mac, token);
    await voice.check(mac, token, '1.1.0');
    server.clock.advance(8 * DAY_S);
    await voice.check(mac, token, '1.1.0');
    await line.block('1.1.0');
    const offer = (await voice.check(mac, token, '1.1.0')).body;
    expect(offer).toMatchObject({ rollback: true });
    expect((await voice.check(mac, fleet(), '1.0.0', ON_TRIAL)).body).toMatchObject({ reason: 'trial_running' });
    expect(await voice.reason(mac, fleet())).toBe('up_to_date');
    expect((await line.detail(mac)).device.current_version).toBe('1.0.0');
  });

  test('A7: a token that was revoked is refused from the next request on; the board is let in again by a person alone', async () => {
    const mac = await line.newDevice('1.0.0');
    const [token, fresh] = [newToken(), newToken()];
    await voice.enrol(mac, token);
    await voice.check(mac, token);
    await server.admin('revokeToken', params(mac));
    expect(await voice.reason(mac, token)).toBe('401 token_revoked');
    expect(await voice.reason(mac, fleet())).toBe('token_revoked');
    expect((await voice.enrol(mac, token)).body, 'the old one').toEqual({ state: 'pending' });
    expect((await voice.enrol(mac, fresh)).body).toEqual({ state: 'pending' });
    await server.admin('reopenEnrolment', params(mac));
    expect((await voice.enrol(mac, fresh)).body).toEqual({ state: 'accepted' });
    expect(await voice.reason(mac, fresh)).toBe('nothing_to_offer');
    await server.admin('reopenEnrolment', params(mac));
    server.clock.advance(2 * HOUR_S);
    expect((await voice.enrol(mac, newToken())).body, 'two hours later').toEqual({ state: 'pending' });
  });

  test.each([
    { what: 'asks every ten minutes', more: {}, asksAgainS: HOUR_S + 600 },
    { what: 'sleeps for six hours', more: { next_check_s: 6 * HOUR_S }, asksAgainS: 7 * HOUR_S },
  ])(
    'a board that $what and asked to enrol just before it is let in by a person is let in when it asks again',
    async ({ more, asksAgainS }) => {
      const [mac, token] = [line.newMac(), newToken()];
      await voice.check(mac, fleet(), '1.0.0', more);
      await voice.enrol(mac, token);
      await voice.check(mac, token, '1.0.0', more);
      await server.admin('revokeToken', params(mac));
      expect((await voice.enrol(mac, token)).body).toEqual({ state: 'pending' });
      const { open_until: until } = await server.admin('reopenEnrolment', params(mac));
      server.clock.advance(asksAgainS);
      expect((await voice.enrol(mac, token)).body).toEqual({ state: 'accepted' });
      expect(Date.parse(until ?? '') - server.clock.nowMs, 'and hardly longer').toBeLessThan(asksAgainS * 1000);
    },
  );

  test('a board that asks while it is turned away has no open offer afterwards', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'expand');
    const boards: { readonly mac: string; readonly token: string }[] = [];
    for (let board = 0; board < 20; board += 1) {
      const [mac, token] = [line.newMac(), newToken()];
      await voice.enrol(mac, token);
      await voice.check(mac, token, '1.1.0');
      boards.push({ mac, token });
    }
    await Promise.all(
      boards.flatMap(({ mac, token }) => [
        voice.check(mac, token, '1.0.0'),
        server.admin('revokeToken', params(mac)),
        voice.check(mac, fleet(), '1.0.0'),
      ]),
    );
    for (const { mac } of boards)
      expect((await line.assignments(mac)).every(({ state }) => state === 'superseded')).toBe(true);
  });

  test('who asks with several tokens is not guessed: the person says which', async () => {
    const mac = await line.newDevice('1.0.0');
    const tokens = [newToken(), newToken()];
    await voice.enrol(mac, newToken());
    for (const token of tokens) await voice.enrol(mac, token);
    const { body, status } = await server.tryAdmin('acceptEnrolment', params(mac));
    expect(errorOf({ body, status, headers: {} })).toBe('409 enrolment_ambiguous');
    const prefix = (await line.detail(mac)).identity.pending.at(-1)?.token_prefix ?? '';
    await server.admin('acceptEnrolment', { ...params(mac), query: { prefix } });
    const answers = new Set<unknown>();
    for (const token of tokens) answers.add(await voice.reason(mac, token));
    expect(answers).toEqual(new Set(['401 token_invalid', 'nothing_to_offer']));
  });

  test('whoever asks without end keeps no more than a few tokens in the database', async () => {
    const mac = await line.newDevice('1.0.0');
    await voice.enrol(mac, newToken());
    for (let time = 0; time < 8; time += 1) {
      server.clock.advance(1);
      await voice.enrol(mac, newToken());
    }
    expect((await line.detail(mac)).identity.pending).toHaveLength(4);
  });

  test('A9: thieves who enrol every board first: the boards go on, a person sees it, and one command sorts it out', async () => {
    const macs = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    const stolen = new Map(macs.map((mac) => [mac, newToken()]));
    for (const [mac, token] of stolen) {
      await voice.enrol(mac, token);
      await voice.check(mac, token);
    }
    const own = new Map(macs.map((mac) => [mac, newToken()]));
    for (const [mac, token] of own) {
      expect((await voice.enrol(mac, token)).body).toEqual({ state: 'pending' });
      expect(await voice.reason(mac, fleet()), 'it goes on').toBe('nothing_to_offer');
    }
    for (const [mac, token] of stolen) await voice.check(mac, token);
    const { calls } = await server.admin('getStatus');
    expect(calls.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['claimed_twice', 'enrolments']));
    const asked = await server.tryAdmin('acceptEnrolments', { query: { confirm: 'false' } });
    expect(errorOf(asked)).toBe('409 confirmation_needed');
    await server.admin('acceptEnrolments', { query: { confirm: 'true' } });
    for (const [mac, token] of own) expect(await voice.reason(mac, token)).toBe('nothing_to_offer');
    for (const [mac, token] of stolen) expect(await voice.reason(mac, token)).toBe('401 token_invalid');
  });

  test('who lets in all that ask lets in nobody whose token was revoked', async () => {
    const [stolen, other] = [await line.newDevice('1.0.0'), await line.newDevice('1.0.0')];
    for (const mac of [stolen, other]) await voice.enrol(mac, newToken());
    await server.admin('revokeToken', params(stolen));
    const [again, fresh] = [newToken(), newToken()];
    await voice.enrol(stolen, again);
    await voice.enrol(other, fresh);
    const asked = await server.tryAdmin('acceptEnrolments', { query: { confirm: 'false' } });
    expect(JSON.stringify(asked.body)).toMatch(/[1-9]\d* whose token was revoked/);
    expect((await server.admin('acceptEnrolments', { query: { confirm: 'true' } })).revoked).toBeGreaterThan(0);
    expect(await voice.reason(other, fresh)).toBe('nothing_to_offer');
    expect(await voice.reason(stolen, again)).toBe('401 token_revoked');
    await server.admin('acceptEnrolment', params(stolen));
    expect(await voice.reason(stolen, again), 'by name').toBe('nothing_to_offer');
  });

  test('a board that was removed comes back as a new device, and enrols as one', async () => {
    const [mac, token] = [await line.newDevice('1.0.0'), newToken()];
    await voice.enrol(mac, token);
    await voice.check(mac, token);
    await voice.enrol(mac, newToken());
    const remove = async () => server.admin('removeDevice', { ...params(mac), query: { confirm: 'true' } });
    await remove();
    expect(await voice.reason(mac, token)).toBe('401 token_invalid');
    expect(await voice.reason(mac, fleet())).toBe('nothing_to_offer');
    expect((await voice.enrol(mac, newToken())).body).toEqual({ state: 'accepted' });
    expect((await line.detail(mac)).removed).not.toBeNull();
    await server.admin('revokeToken', params(mac));
    await remove();
    expect(await voice.reason(mac, fleet()), 'one that was stolen').toBe('token_revoked');
  });
});

describe.each(DIALECTS)('who may speak, on %s', (dialect) => {
  test('required: without a token of its own a board is answered, and neither offered nor remembered anything', async () => {
    const server = await startTestServer({ dialect, settings: 'devices: {identity: required}' });
    const line = new ProductLine(server);
    const voice = new Voice(server, line);
    const [mac, token] = [line.newMac(), newToken()];
    expect(await voice.reason(mac, server.fleetToken)).toBe('enrolment_required');
    expect((await server.tryAdmin('getDevice', { params: { device: mac } })).status).toBe(404);
    expect((await voice.enrol(mac, token)).body).toEqual({ state: 'accepted' });
    expect(await voice.reason(mac, token)).toBe('nothing_to_offer');
    await line.add('1.1.0');
    const image = await server.fetch('GET', `/firmware/${line.product}/1.1.0/esp32/image.bin`, {
      token: server.fleetToken,
    });
    expect(image.status).toBe(403);
    await server.end();
  });

  test('approve: each board waits for a person', async () => {
    const server = await startTestServer({ dialect, settings: 'devices: {identity: approve}' });
    const line = new ProductLine(server);
    const voice = new Voice(server, line);
    const [mac, token] = [line.newMac(), newToken()];
    expect((await voice.enrol(mac, token)).body).toEqual({ state: 'pending' });
    expect(await voice.reason(mac, server.fleetToken)).toBe('enrolment_pending');
    await server.admin('acceptEnrolment', { params: { device: mac } });
    expect(await voice.reason(mac, token)).toBe('nothing_to_offer');
    await server.end();
  });

  test('new boards are refused beyond the bound of an hour, and status calls', async () => {
    const server = await startTestServer({ dialect, settings: 'devices: {new_per_hour: 2}' });
    const line = new ProductLine(server);
    const voice = new Voice(server, line);
    await line.newDevice('1.0.0');
    await line.newDevice('1.0.0');
    const refused = await voice.check(line.newMac(), server.fleetToken);
    expect(errorOf(refused)).toBe('429 too_many_boards');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await server.admin('getStatus')).calls.map(({ kind }) => kind)).toContain('new_boards');
    server.clock.advance(3_600);
    await line.newDevice('1.0.0');
    await server.end();
  });

  test('boards that are known already enrol whatever the bound for new ones is, and one that asks again is no new one', async () => {
    const server = await startTestServer({ dialect, settings: 'devices: {new_per_hour: 2, identity: approve}' });
    const line = new ProductLine(server);
    const voice = new Voice(server, line);
    const [mac, other, token] = [line.newMac(), line.newMac(), newToken()];
    for (let time = 0; time < 4; time += 1) expect((await voice.enrol(mac, token)).body).toEqual({ state: 'pending' });
    expect((await voice.enrol(other, newToken())).status).toBe(200);
    expect(errorOf(await voice.enrol(line.newMac(), newToken()))).toBe('429 too_many_boards');
    await server.admin('acceptEnrolment', { params: { device: mac } });
    expect(await voice.reason(mac, token), 'its first check').toBe('nothing_to_offer');
    await server.end();
  });

  test('who asked, and did not come again for a week, is forgotten', async () => {
    const server = await startTestServer({ dialect, settings: 'devices: {identity: approve}' });
    const line = new ProductLine(server);
    const voice = new Voice(server, line);
    const [gone, there, token] = [line.newMac(), line.newMac(), newToken()];
    await voice.enrol(gone, newToken());
    for (let day = 0; day < 8; day += 1) {
      await voice.enrol(there, token);
      server.clock.advance(DAY_S);
      await server.tick();
    }
    expect((await server.admin('listEnrolments')).items.map(({ mac }) => mac)).toEqual([there]);
    await server.end();
  });

  test('the fleet token before is valid beside the new one, and a device says which it uses', async () => {
    const server = await startTestServer({ dialect });
    const line = new ProductLine(server);
    const mac = await line.newDevice('1.0.0');
    await server.stop();
    const rotated = rotateFleetToken(server.home);
    const again = await startTestServer({ dialect, like: server });
    line.moveTo(again);
    const voice = new Voice(again, line);
    expect(again.fleetToken).toBe(rotated.token);
    expect(await voice.reason(mac, server.fleetToken)).toBe('nothing_to_offer');
    expect((await line.detail(mac)).device.attributes).toMatchObject({ fleet_token: 'former' });
    expect(await voice.reason(mac, again.fleetToken)).toBe('nothing_to_offer');
    expect((await line.detail(mac)).device.attributes).not.toHaveProperty('fleet_token');
    await again.end();
  });
});
