// Every address of the OpenAPI document, one by one: who may use it, which methods it has, what HEAD says. An address that is
// added without a token fails here.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adminRoutes, eventStream } from '#protocol/admin/routes.ts';
import { addDevices, addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { exchange, head, RawClient } from '../../support/server/raw-client.ts';
import { expectNoToken, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PUBLIC = new Set(['/healthz', '/readyz']);
/** Needs what it is sent instead: tests/server/access/log-in.test.ts. */
const LOG_IN = '/api/v1/log-in';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

interface Operation {
  readonly method: string;
  /** With example values in place of its parameters. */
  readonly path: string;
  readonly scope: 'device' | 'admin' | 'public';
}

let server: TestServer;
let operations: readonly Operation[];
beforeAll(async () => {
  server = await startTestServer();
  await addDevices(server, 1, '1.0.0');
  await addFirmware(server, '1.0.0');
  await rollOut(server, '1.0.0', 'pilot');
  operations = readOperations((await server.json('GET', '/openapi.json')).body);
});
afterAll(async () => server.end());

function readOperations(document: Readonly<Record<string, unknown>>): readonly Operation[] {
  const { paths } = document as { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => EXAMPLES[name] ?? 'x'),
      scope: PUBLIC.has(path) || path === LOG_IN ? 'public' : path.startsWith('/api/v1/admin/') ? 'admin' : 'device',
    })),
  );
}

const EXAMPLES: Readonly<Record<string, string>> = {
  mac: mac(1),
  name: '1.0.0',
  version: '1.0.0',
  product: 'default',
  chip: 'esp32',
};

const guarded = (): readonly Operation[] => operations.filter(({ scope }) => scope !== 'public');

test('the document names every address that the server has', () => {
  expect(operations.filter(({ scope }) => scope === 'admin')).toHaveLength(Object.keys(adminRoutes).length + 1);
  expect(operations.map(({ path }) => path)).toContain(eventStream.path);
  expect(operations.filter(({ scope }) => scope === 'device').map(({ path }) => path)).toEqual([
    '/api/v1/check-update',
    '/api/v1/report-status',
    '/api/v1/enrol',
    '/firmware/default/1.0.0/esp32/image.bin',
    '/firmware/1.0.0/image.bin',
    '/firmware/default/1.0.0/esp32/manifest.json',
  ]);
  expect(operations.filter(({ scope }) => scope === 'public').map(({ path }) => path)).toEqual([...PUBLIC, LOG_IN]);
});

describe('no address but the public ones answers', () => {
  const wrong: readonly (readonly [string, () => string | undefined])[] = [
    ['without a token', () => undefined],
    ['with an empty token', () => 'Bearer '],
    ['with another token', () => `Bearer ot_${'x'.repeat(43)}`],
    ['with the first half of the admin token', () => `Bearer ${server.adminToken.slice(0, 20)}`],
    ['with a token as password', () => `Basic ${Buffer.from(`admin:${server.adminToken}`).toString('base64')}`],
    ['with both tokens in one header', () => `Bearer ${server.fleetToken}, Bearer ${server.adminToken}`],
    ['with the admin token in other letters', () => `Bearer ${server.adminToken.toUpperCase()}`],
  ];
  test.each(wrong)('%s', async (_, authorization) => {
    const header = authorization();
    for (const { method, path } of guarded()) {
      const answer = await server.fetch(method, path, {
        headers: header === undefined ? {} : { authorization: header },
      });
      await expectRefusal(server, answer, header === undefined ? 'token_missing' : 'token_invalid');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test('with the token of the other scope', async () => {
    for (const { method, path, scope } of guarded()) {
      const token = scope === 'admin' ? server.fleetToken : server.adminToken;
      await expectRefusal(server, await server.fetch(method, path, { token }), 'wrong_scope');
    }
  });

  test('with the right token in the address', async () => {
    for (const { method, path, scope } of guarded()) {
      const token = scope === 'admin' ? server.adminToken : server.fleetToken;
      for (const query of [`?token=${token}`, `?a=1&access_token=${token}`]) {
        await expectRefusal(server, await server.fetch(method, path + query, { token }), 'token_in_url');
      }
    }
  });
});

test('the public addresses say nothing that a stranger should not know', async () => {
  for (const path of PUBLIC) {
    expect(await server.json('GET', path)).toMatchObject({ status: 200, body: { status: 'ok' } });
  }
  const texts = await Promise.all(['/openapi.json', '/docs', '/docs/'].map(async (path) => server.fetch('GET', path)));
  const text = texts.map(({ body }) => body.toString()).join('\n');
  expectNoToken(server, [text]);
  expect(text).not.toContain(server.home);
});

describe('methods', () => {
  test('HEAD says of every readable address what GET says, without a body', async () => {
    // A stream has no end: its head alone is in tests/server/events/stream.test.ts.
    const readable = operations.filter(({ method, path }) => method === 'GET' && path !== eventStream.path);
    for (const { method, path, scope } of readable) {
      const token = scope === 'admin' ? server.adminToken : server.fleetToken;
      const got = await server.fetch(method, path, { token });
      const client = await RawClient.open(server.url);
      client.send(head(`HEAD ${path} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${token}`, 'Connection: close'));
      const answer = await client.answer({ bodyless: true });
      expect({ path, status: answer.status }).toEqual({ path, status: got.status });
      expect(answer.headers['content-length']).toBe(got.headers['content-length']);
      expect((await client.rest()).bytes).toHaveLength(0);
    }
  });

  test('HEAD needs the same token as GET', async () => {
    for (const { path } of guarded().filter((operation) => operation.method === 'GET')) {
      expect((await server.fetch('HEAD', path)).status).toBe(401);
    }
  });

  test.each(['OPTIONS', 'TRACE', 'DELETE', 'PROPFIND'])(
    '%s of an address that has none is a 405 that names those it has',
    async (method) => {
      for (const [path, allow] of [
        ['/api/v1/check-update', 'POST'],
        ['/firmware/1.0.0/image.bin', 'GET, HEAD'],
        ['/healthz', 'GET, HEAD'],
      ] as const) {
        const answer = await server.fetch(method, path, {
          token: server.fleetToken,
          headers: { origin: 'https://evil.example' },
        });
        await expectRefusal(server, answer, 'method_not_allowed');
        expect(answer.headers.allow).toBe(allow);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
    },
  );

  test('GET of an address that wants POST says so', async () => {
    const { hint } = await expectRefusal(
      server,
      await server.fetch('GET', '/api/v1/check-update'),
      'method_not_allowed',
    );
    expect(hint).toBe('use POST');
  });

  test('a 405 and a 404 need no token and tell nothing of what is stored', async () => {
    for (const version of ['1.0.0', '9.9.9']) {
      await expectRefusal(server, await server.fetch('PUT', `/firmware/${version}/image.bin`), 'method_not_allowed');
      await expectRefusal(server, await server.fetch('GET', `/firmware/${version}/other.bin`), 'id_invalid');
    }
    await expectRefusal(server, await server.fetch('GET', '/.env'), 'not_found');
  });

  test.each(['FOO', 'get', 'G E T'])('the unknown method %s is no request', async (method) => {
    const answer = await exchange(server.url, head(`${method} /healthz HTTP/1.1`, 'Host: otter'));
    await expectRefusal(server, answer, 'request_malformed');
  });

  test('CONNECT opens no tunnel', async () => {
    const client = await RawClient.open(server.url);
    client.send(head('CONNECT 127.0.0.1:22 HTTP/1.1', 'Host: otter'));
    const { ending, bytes } = await client.rest();
    expect(ending).not.toBe('open');
    expect(bytes.toString()).not.toMatch(/ 200 /);
  });
});

test('no line of the log holds a token', () => {
  expect(server.logged.length).toBeGreaterThan(50);
  expectNoToken(server, server.logged);
});
