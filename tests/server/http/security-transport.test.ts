// The connection itself: old TLS versions, wrong pins, requests that two parsers would read differently, and bytes that want
// to become lines of a header or of the log.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Pin, PinMismatchError, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import { addDevices, addFirmware, mac } from '../../support/fleet.ts';
import { DIALECTS } from '../../support/scope.ts';
import { exchange, head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectNoToken, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

let server: TestServer;

describe.each(DIALECTS)('a server on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    await addFirmware(server, '1.0.0');
    await addDevices(server, 1, '1.0.0');
  });
  afterAll(async () => server.end());

  describe('TLS', () => {
    test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
      // The client would not even offer these versions at its usual security level.
      const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' };
      await expect(RawClient.open(server.url, old)).rejects.toThrow(/alert protocol version/);
      await expectAlive(server);
    });

    test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is taken', async (version) => {
      const client = await RawClient.open(server.url, { minVersion: version, maxVersion: version });
      expect(client.socket.getProtocol()).toBe(version);
      client.close();
    });

    test('HTTP without TLS gets one sentence, whatever it asks for and with whatever token', async () => {
      const socket = net.connect(Number(server.url.port), server.url.hostname);
      const received: Buffer[] = [];
      socket.on('data', (bytes) => received.push(bytes));
      socket.on('error', () => undefined);
      const { adminToken } = server;
      socket.write(head('GET /api/v1/admin/status HTTP/1.1', 'Host: otter', `Authorization: Bearer ${adminToken}`));
      await once(socket, 'close');
      const answer = Buffer.concat(received).toString('latin1');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.split('\r\n\r\n')[1]).toBe(
        'Otter speaks only HTTPS here: write https:// instead of http:// before the address.\n',
      );
      await expectAlive(server);
    });
  });

  describe('a client with a pin', () => {
    const secret = 'a-token-that-must-not-leave';

    /** A TLS server that only counts what it is sent, with a certificate of its own. */
    async function startListener() {
      const { certPem, keyPem } = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), validYears: 1 });
      const seen = { connections: 0, bytes: 0 };
      const listener = tls.createServer({ cert: certPem, key: keyPem }, (socket) => {
        socket.on('data', (bytes) => (seen.bytes += bytes.length)).on('error', () => undefined);
      });
      listener.on('connection', () => (seen.connections += 1));
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const address = listener.address();
      if (typeof address !== 'object' || address === null) throw new Error('the listener has no port');
      return {
        listener,
        seen,
        url: new URL(`https://127.0.0.1:${address.port}/`),
        certificate: readCertificate(certPem),
      };
    }

    const ask = async (url: URL, pin: Pin) =>
      requestPinned({
        method: 'POST',
        url,
        agent: new PinnedAgent(pin),
        headers: { authorization: `Bearer ${secret}` },
        body: '{}',
        timeoutMs: 500,
      });

    test.each(['spki', 'cert'] as const)('sends not one byte to a server with another %s', async (kind) => {
      const { listener, seen, url } = await startListener();
      await expect(ask(url, { kind, sha256: server.pin.sha256 })).rejects.toThrow(PinMismatchError);
      expect(seen).toEqual({ connections: 1, bytes: 0 });
      listener.close();
    });

    test('sends its request to the server of the pin, so that the count above means something', async () => {
      const { listener, seen, url, certificate } = await startListener();
      await expect(ask(url, { kind: 'spki', sha256: certificate.spkiPin })).rejects.toThrow(/no answer/);
      expect(seen.bytes).toBeGreaterThan(secret.length);
      listener.close();
    });
  });

  describe('a request that two parsers would read differently is refused, and nothing behind it is answered', () => {
    const smuggled = head('GET /smuggled HTTP/1.1', 'Host: otter');
    /** With a place for the token: who has none is refused before the body is looked at. */
    const post = (...lines: readonly string[]): string =>
      head(
        'POST /api/v1/check-update HTTP/1.1',
        'Host: otter',
        'Authorization: Bearer TOKEN',
        'Content-Type: application/json',
        ...lines,
      );
    const withToken = (request: string): string => request.replaceAll('TOKEN', server.fleetToken);

    test.each([
      ['a length and chunks', post('Content-Length: 5', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
      ['chunks and a length', post('Transfer-Encoding: chunked', 'Content-Length: 5') + '0\r\n\r\n'],
      ['two lengths', post('Content-Length: 0', 'Content-Length: 5')],
      ['two equal lengths', post('Content-Length: 0', 'Content-Length: 0')],
      ['a list of lengths', post('Content-Length: 0, 0')],
      ['a signed length', post('Content-Length: +0')],
      ['a negative length', post('Content-Length: -1')],
      ['a length in hex', post('Content-Length: 0x0')],
      ['a length beyond 2^64', post('Content-Length: 18446744073709551616')],
      ['an unknown coding behind chunked', post('Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
      ['an unknown coding', post('Transfer-Encoding: xchunked') + '0\r\n\r\n'],
      ['a space before the colon', post('Content-Length : 0')],
      ['a folded header line', post('X-Long: a', ' b', 'Content-Length: 0')],
      ['a header line without colon', post('X-Nothing', 'Content-Length: 0')],
      ['an empty header name', post(': x', 'Content-Length: 0')],
      ['a NUL in a header', post('X-Nul: a\0b', 'Content-Length: 0')],
      ['a bare CR in a header', post('X-Cr: a\rb', 'Content-Length: 0')],
      ['a bare LF as line end', 'POST /api/v1/check-update HTTP/1.1\nHost: otter\nContent-Length: 0\n\n'],
      ['a chunk size with a sign', post('Transfer-Encoding: chunked') + '+0\r\n\r\n'],
      ['a chunk size in C hex', post('Transfer-Encoding: chunked') + '0x0\r\n\r\n'],
      ['HTTP/0.9', 'GET /healthz\r\n'],
      ['HTTP/2 without TLS negotiation', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['HTTP/1.2', head('GET /healthz HTTP/1.2', 'Host: otter')],
      ['a TLS record inside TLS', '\x16\x03\x01\x00\xa5'],
    ])('%s', async (_, request) => {
      const client = await RawClient.open(server.url);
      const before = server.logged.length;
      client.send(Buffer.from(withToken(request) + smuggled, 'latin1'));
      const answer = await client.answer();
      await expectRefusal(server, answer, 'request_malformed');
      expect(answer.headers.connection).toBe('close');
      const { ending, bytes } = await client.rest();
      expect({ ending, rest: bytes.toString() }).toEqual({ ending: 'ended', rest: '' });
      expect(server.logged.slice(before).filter((line) => line.includes('smuggled'))).toEqual([]);
    });

    test.each([
      ['no Host', head('POST /api/v1/check-update HTTP/1.1', 'Content-Length: 0'), 'request_malformed'],
      ['two Hosts', post('Host: other', 'Content-Length: 0'), 'duplicate_header'],
      [
        'two content types',
        post('Content-Type: a/b', 'Content-Type: application/json', 'Content-Length: 0'),
        'duplicate_header',
      ],
      [
        'two codings',
        `${post('Transfer-Encoding: identity', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
        'duplicate_header',
      ],
    ] as const)('%s: well-formed for the parser, but not in one way', async (_, request, code) => {
      const client = await RawClient.open(server.url);
      client.send(withToken(request) + smuggled);
      const answer = await client.answer();
      await expectRefusal(server, answer, code);
      expect(answer.headers.connection).toBe('close');
      const { ending, bytes } = await client.rest();
      expect({ ending, rest: bytes.toString() }).toEqual({ ending: 'ended', rest: '' });
    });

    test('a broken request behind a good one on the same connection is told apart from it', async () => {
      const client = await RawClient.open(server.url);
      client.send(head('GET /healthz HTTP/1.1', 'Host: otter'));
      expect((await client.answer()).status).toBe(200);
      client.send(withToken(post('Content-Length: 5', 'Transfer-Encoding: chunked')));
      await expectRefusal(server, await client.answer(), 'request_malformed');
      expect((await client.rest()).ending).toBe('ended');
    });

    test('requests sent in one go are answered in order', async () => {
      const client = await RawClient.open(server.url);
      client.send(
        head('GET /healthz HTTP/1.1', 'Host: otter') + smuggled + head('GET /readyz HTTP/1.1', 'Host: otter'),
      );
      const statuses = [await client.answer(), await client.answer(), await client.answer()].map(
        ({ status }) => status,
      );
      expect(statuses).toEqual([200, 404, 200]);
      client.close();
    });
  });

  describe('bytes that want to become a line of a header or of the log', () => {
    const EVIL = 'a\r\nX-Evil: 1\r\n\r\n{"level":60,"msg":"forged"}\u{1b}[2J';

    test.each([
      ['a version', async () => server.fetch(...check({ current_version: EVIL })), 'version_invalid'],
      ['a MAC', async () => server.fetch(...check({ mac: EVIL })), 'mac_invalid'],
      ['a product', async () => server.fetch(...check({ product: EVIL })), 'field_invalid'],
      ['the name of a label', async () => server.fetch(...admin('/labels', { name: EVIL })), 'field_invalid'],
      [
        'the description of a label',
        async () => server.fetch(...admin('/labels', { name: 'a', description: EVIL })),
        'control_char',
      ],
      ['the name of a field', async () => server.fetch(...admin('/labels', { name: 'a', [EVIL]: 1 })), 'field_unknown'],
      ['an address', async () => server.fetch('GET', `/x/${encodeURIComponent(EVIL)}`), 'not_found'],
      [
        'the address of an image',
        async () => server.fetch('GET', `/firmware/${encodeURIComponent(EVIL)}`),
        'id_invalid',
      ],
      [
        'a query',
        async () =>
          server.fetch('GET', `/api/v1/admin/firmware?product=${encodeURIComponent(EVIL)}`, {
            token: server.adminToken,
          }),
        'field_invalid',
      ],
    ] as const)('%s', async (_, send, code) => {
      const answer = await send();
      await expectRefusal(server, answer, code);
      expect(answer.headers).not.toHaveProperty('x-evil');
      expect(answer.body.toString()).not.toMatch(/\p{Cc}/u);
    });

    test('stay inside their line of the log', () => {
      const fields = { level: 60, msg: 'forged' };
      for (const line of server.logged) {
        expect(line.trimEnd()).not.toMatch(/\p{Cc}/u);
        expect(JSON.parse(line)).not.toMatchObject(fields);
      }
    });

    function check(fields: Readonly<Record<string, unknown>>) {
      const body = JSON.stringify({ mac: mac(1), current_version: '1.0.0', labels: [], ...fields });
      return [
        'POST',
        '/api/v1/check-update',
        { token: server.fleetToken, body, headers: { 'content-type': 'application/json' } },
      ] as const;
    }

    function admin(path: string, fields: Readonly<Record<string, unknown>>) {
      const body = JSON.stringify(fields);
      return [
        'POST',
        `/api/v1/admin${path}`,
        { token: server.adminToken, body, headers: { 'content-type': 'application/json' } },
      ] as const;
    }
  });

  describe('Expect', () => {
    const upload = (token: string, ...lines: readonly string[]): string =>
      head(
        'POST /api/v1/admin/firmware HTTP/1.1',
        'Host: otter',
        `Authorization: Bearer ${token}`,
        'Content-Type: application/octet-stream',
        'Content-Length: 5',
        ...lines,
      );

    test('F1: who has no right is told so before being asked for the body', async () => {
      const answer = await exchange(server.url, upload('wrong', 'Expect: 100-continue'));
      expect(answer.status).toBe(401);
      await expectRefusal(server, answer, 'token_invalid');
    });

    test('who has the right is asked for the body', async () => {
      const client = await RawClient.open(server.url);
      client.send(upload(server.adminToken, 'Expect: 100-continue'));
      expect((await client.answer()).status).toBe(100);
      client.send('hello');
      await expectRefusal(server, await client.answer(), 'not_esp_image');
      client.close();
    });

    test('an unknown expectation is passed over', async () => {
      const answer = await exchange(server.url, head('GET /healthz HTTP/1.1', 'Host: otter', 'Expect: miracles'));
      expect(answer.status).toBe(200);
    });
  });

  test('no line of the log holds a token', () => {
    expect(server.logged.length).toBeGreaterThan(50);
    expectNoToken(server, server.logged);
  });
});
