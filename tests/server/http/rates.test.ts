// What one address may do: so many requests, so many wrong tokens. Addresses come as a proxy forwards them, over real requests.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ADDRESS_BURST_S,
  MAX_REMEMBERED,
  MAX_RETRY_SPREAD_S,
  MAX_UNKNOWN_BOARD_TOKENS_PER_MIN,
  MAX_WRONG_TOKENS_PER_MIN,
} from '#protocol/limits.ts';
import { isLoopback, networkOf } from '#server/http/front/network.ts';
import { Rates } from '#server/service/rates.ts';
import { addDevices } from '../../support/fleet.ts';
import type { Answered } from '../../support/server/client.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PER_ADDRESS = 1;
/** Enough to meet the bound also where they take a minute. */
const COUNT = 100;
const WRONG = `ota_${'w'.repeat(43)}`;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ settings: `trust_proxy: [127.0.0.1]\nlimits: {per_address: ${PER_ADDRESS}}` });
});
afterAll(async () => server.end());

async function ask(address: string, token: string, path = '/api/v1/admin/status'): Promise<Answered> {
  return server.json('GET', path, { token, headers: { 'x-forwarded-for': address } });
}

/** Each from an address of its own network, so that only the one bound is met. */
let addresses = 0;
function nextAddress(): string {
  addresses += 1;
  return `198.51.${addresses}.1`;
}

/** Codes and statuses of so many requests, one after the other. */
async function outcomes(count: number, one: (index: number) => Promise<Answered>): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { status, body } = await one(index);
    seen.push(status === 200 ? '200' : `${status} ${String(Object(body['error'])['code'])}`);
  }
  return seen;
}

describe('wrong tokens of one address', () => {
  let lenient: TestServer;
  beforeAll(async () => {
    lenient = await startTestServer({ settings: 'trust_proxy: [127.0.0.1]' });
  });
  afterAll(async () => lenient.end());
  const from = async (address: string, token: string, path = '/api/v1/admin/status') =>
    lenient.json('GET', path, { token, headers: { 'x-forwarded-for': address } });

  test('are told to wait after ten in a minute, and a right one from there is let in all the same', async () => {
    const address = nextAddress();
    const tried = await outcomes(2 * MAX_WRONG_TOKENS_PER_MIN, async () => from(address, WRONG));
    expect(new Set(tried.slice(0, MAX_WRONG_TOKENS_PER_MIN))).toEqual(new Set(['401 token_invalid']));
    expect(tried.at(-1)).toBe('429 too_many_requests');
    expect((await from(address, lenient.adminToken)).status).toBe(200);
    const board = await lenient.json('POST', '/api/v1/check-update', {
      token: lenient.fleetToken,
      body: { mac: '24:6f:28:dd:00:01', current_version: '1.0.0', labels: [] },
      headers: { 'x-forwarded-for': address },
    });
    expect(board.status, 'a fleet behind the same router').toBe(200);
    expect((await from(nextAddress(), WRONG)).status, 'and every other address').toBe(401);
  });

  test('are counted at the log-in too, and are refused before their body where they come in a header', async () => {
    const address = nextAddress();
    const logIn = async () =>
      lenient.json('POST', '/api/v1/log-in', {
        body: { token: WRONG },
        headers: { 'x-forwarded-for': address },
      });
    const tried = await outcomes(MAX_WRONG_TOKENS_PER_MIN + 5, logIn);
    expect([tried[0], tried.at(-1)]).toEqual(['401 token_invalid', '429 too_many_requests']);
    const client = await RawClient.open(lenient.url);
    const lines = ['Host: otter', `X-Forwarded-For: ${address}`, `Authorization: Bearer ${WRONG}`];
    // No byte of the body is sent.
    client.send(
      head('POST /api/v1/check-update HTTP/1.1', ...lines, 'Content-Type: application/json', 'Content-Length: 999'),
    );
    const refused = await client.answer();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(60);
    client.close();
  });

  test('a request without one is no guess', async () => {
    const address = nextAddress();
    const tried = await outcomes(2 * MAX_WRONG_TOKENS_PER_MIN, async () =>
      lenient.json('GET', '/api/v1/admin/status', { headers: { 'x-forwarded-for': address } }),
    );
    expect(new Set(tried)).toEqual(new Set(['401 token_missing']));
  });

  test('a fleet whose tokens a restored server does not know hears that they are not known, and enrols again', async () => {
    const address = nextAddress();
    const boards = 5 * MAX_WRONG_TOKENS_PER_MIN;
    expect(boards).toBeLessThan(MAX_UNKNOWN_BOARD_TOKENS_PER_MIN);
    const tried = await outcomes(boards, async (index) =>
      lenient.json('POST', '/api/v1/check-update', {
        token: `otd_${String(index).padStart(43, 'x')}`,
        body: {},
        headers: { 'x-forwarded-for': address },
      }),
    );
    expect(new Set(tried)).toEqual(new Set(['401 token_invalid']));
  });

  test('on the machine itself are not counted: a proxy that is not listed has that address for everybody', async () => {
    const tried = await outcomes(2 * MAX_WRONG_TOKENS_PER_MIN, async () =>
      lenient.json('GET', '/api/v1/admin/status', { token: WRONG }),
    );
    expect(new Set(tried)).toEqual(new Set(['401 token_invalid']));
  });
});

describe('requests of one address', () => {
  test('beyond its rate are refused with a time to come back and the connection closed; others go on', async () => {
    const address = nextAddress();
    const answers = await Promise.all(
      Array.from({ length: COUNT }, async () => ask(address, server.adminToken, '/healthz')),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(PER_ADDRESS * ADDRESS_BURST_S);
    expect(refused.length).toBeGreaterThan(COUNT / 4);
    const waits = refused.map(({ headers }) => Number(headers['retry-after']));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...waits)).toBeLessThan(30 + MAX_RETRY_SPREAD_S);
    expect(new Set(waits).size, 'they do not all come back at once').toBeGreaterThan(5);
    expect(refused[0]?.headers.connection).toBe('close');
    expect((await ask(nextAddress(), server.adminToken)).status).toBe(200);
    const [mac = ''] = await addDevices(server, 1, '1.0.0');
    expect((await server.checkIn(mac, '1.0.0')).reason, 'the machine itself has no such bound').toBe(
      'nothing_to_offer',
    );
  });

  test('addresses of one IPv6 network of 64 bits are one', async () => {
    const statuses = await Promise.all(
      Array.from({ length: COUNT }, async (_, index) => {
        const { status } = await ask(`2001:db8:0:7:${(index + 1).toString(16)}::1`, server.adminToken, '/healthz');
        return status;
      }),
    );
    expect(statuses).toContain(429);
    expect((await ask('2001:db8:0:8::1', server.adminToken)).status).toBe(200);
  });
});

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:0:7::1', '2001:db8:0:7'],
  ['2001:db8::7:0:0:0:1', '2001:db8:0:7'],
  ['1::', '1:0:0:0'],
  ['::', '0:0:0:0'],
  ['::1:2:3:4:5', '0:0:0:1'],
  ['2001:db8:1:2:3:4:203.0.113.9', '2001:db8:1:2'],
  ['::1:2:3:4:203.0.113.9', '0:0:1:2'],
  ['2001:DB8:0000:0000:1:2:3:4', '2001:db8:0:0'],
  ['2001:db8:1:2:3::', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
  ['64:ff9b::203.0.113.9', '64:ff9b:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('%s is this machine', (address) => {
  expect(isLoopback(address)).toBe(true);
});

describe('a rate', () => {
  test('fills again with time, up to what may come at once', () => {
    let nowMs = 0;
    const rate = new Rates({ most: 3, perS: 1 }, () => nowMs);
    const takeAll = (): number => {
      for (let taken = 0; ; taken += 1) if (!rate.take('203.0.113.1')) return taken;
    };
    expect(takeAll()).toBe(3);
    nowMs += 2_000;
    expect(takeAll()).toBe(2);
    nowMs += 1_000_000;
    expect(takeAll()).toBe(3);
  });

  test('remembers a bounded number, those that come again among them', () => {
    const rate = new Rates({ most: 1, perS: 0 }, () => 0);
    expect(rate.take('203.0.113.1')).toBe(true);
    for (let index = 0; index < 3 * MAX_REMEMBERED; index += 1) {
      rate.take(`2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`);
      if (index % 1_000 === 0) expect(rate.take('203.0.113.1')).toBe(false);
    }
    expect(rate.size).toBeLessThanOrEqual(MAX_REMEMBERED);
  });
});
