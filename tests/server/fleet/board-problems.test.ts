// Boards that fail to get in, over real connections: each is told of with its likely cause, and none of them is believed.

import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { request as requestSecure, type RequestOptions } from 'node:https';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_BOARD_PROBLEMS } from '#protocol/limits.ts';
import { BoardProblems } from '#server/service/fleet/board-problems.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const MAC = '24:6f:28:aa:bb:cc';
const BODY = JSON.stringify({ mac: '24:6F:28:AA:BB:CC', current_version: '1.0.0', labels: [] });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(() => server.clock.advance(2 * 3_600));
afterAll(async () => server.end());

async function problems(kind: string) {
  const { items } = await server.admin('getBoardProblems');
  return items.filter((one) => one.kind === kind && one.last_at === new Date(server.clock.nowMs).toISOString());
}

async function calls() {
  const { calls: all } = await server.admin('getStatus');
  return all.filter(({ kind }) => kind === 'board_problems');
}

/** A client that trusts nothing but what the machine does. */
async function fail(options: RequestOptions): Promise<void> {
  await new Promise<void>((resolve) => {
    const sent = requestSecure({ host: '127.0.0.1', port: Number(server.url.port), ...options }, () => resolve());
    sent.once('error', () => resolve()).end();
  });
}

async function handshake(options: ConnectionOptions): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(server.url.port), ...options }, () => socket.end());
    socket.once('error', () => resolve()).once('close', () => resolve());
  });
}

async function post(path: string, body: string, token: string): Promise<void> {
  await server.fetch('POST', path, { token, body: Buffer.from(body), headers: { 'content-type': 'application/json' } });
}

describe('a board that fails to get in is told of', () => {
  test('where it speaks HTTP without TLS', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: server.url.port, path: '/api/v1/check-update', method: 'POST' });
      sent.once('response', (response) => void textOf(response).then(resolve, reject));
      sent.once('error', reject).end(BODY);
    });
    // Whoever looks with a browser reads it too.
    expect(answer).toContain('write https:// instead of http://');
    await vi.waitFor(async () => expect(await problems('no_tls')).toMatchObject([{ address: '127.0.0.1', mac: null }]));
    expect((await problems('no_tls'))[0]?.cause).toContain('https://');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'where it goes away since it does not know the certificate, with %s',
    async (version) => {
      await fail({ minVersion: version, maxVersion: version });
      await vi.waitFor(async () => expect((await problems('handshake')).length).toBeGreaterThan(0));
      expect((await problems('handshake'))[0]).toMatchObject({ address: '127.0.0.1', mac: null });
    },
  );

  test('where it has no cipher in common', async () => {
    await handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA', rejectUnauthorized: false });
    await vi.waitFor(async () => expect(await problems('tls')).toMatchObject([{ text: 'no shared cipher' }]));
  });

  test('where its token is another one, with its MAC', async () => {
    await post('/api/v1/check-update', BODY, 'otf_of_another_server');
    await post('/api/v1/check-update', BODY, 'otf_of_another_server');
    await vi.waitFor(async () => {
      expect(await problems('token')).toMatchObject([
        { mac: MAC, address: '127.0.0.1', times: 2, text: 'it sent a token that this server does not know' },
      ]);
    });
    expect(await calls()).toMatchObject([
      { text: '1 board fails to get in: 1 with another token', commands: ['otter board problems'] },
    ]);
    expect((await server.tryAdmin('getDevice', { params: { device: MAC } })).status).toBe(404);
    server.clock.advance(3_601);
    expect(await calls()).toEqual([]);
  });

  test('where it sends the admin token', async () => {
    await post('/api/v1/check-update', BODY, server.adminToken);
    await vi.waitFor(async () => expect(await problems('token')).toMatchObject([{ mac: MAC, text: /admin token/ }]));
  });

  test.each([
    { body: '{"mac": "24:6F:28:AA:BB:CC", "current_version": 7}', mac: MAC, text: 'current_version' },
    { body: '{"mac": "not one", "current_version": "1.0.0"}', mac: null, text: 'mac' },
    { body: '{"mac": "24:6F:28:AA:BB:CC", "current_ver', mac: null, text: 'json_invalid' },
  ])('where its check-in is refused: $body', async ({ body, mac, text }) => {
    await post('/api/v1/check-update', body, server.fleetToken);
    await vi.waitFor(async () => {
      expect(await problems('request')).toMatchObject([{ mac, text: expect.stringContaining(text) }]);
    });
  });

  test('and one that gets in is not', async () => {
    await server.checkIn('24:6f:28:00:00:01', '1.0.0');
    const { items } = await server.admin('getBoardProblems');
    expect(items.filter(({ mac }) => mac === '24:6f:28:00:00:01')).toEqual([]);
  });
});

test('boards without end take the place of the oldest', () => {
  const kept = new BoardProblems();
  for (let board = 0; board < 3 * MAX_BOARD_PROBLEMS; board += 1)
    kept.note({ kind: 'token', address: `10.0.0.${board}`, mac: undefined, text: 'it sent no token' }, board);
  expect(kept.list()).toHaveLength(MAX_BOARD_PROBLEMS);
  expect(kept.list()[0]).toMatchObject({ address: `10.0.0.${3 * MAX_BOARD_PROBLEMS - 1}` });
});
