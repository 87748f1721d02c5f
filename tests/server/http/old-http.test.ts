// Clients that speak HTTP/1.0, and say so in the TLS handshake; addresses that look like ours.

import { execFile } from 'node:child_process';
import { connect } from 'node:tls';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const run = promisify(execFile);

let server: TestServer;
let line: ProductLine;
beforeAll(async () => {
  server = await startTestServer();
  line = new ProductLine(server);
  await line.add('1.1.0');
  await line.rollOut('1.1.0', 'expand');
});
afterAll(async () => server.end());

/** What the server answers to these bytes, and the protocol that both agreed on. */
async function exchange(alpn: readonly string[] | undefined, request: string) {
  const socket = connect({
    host: server.url.hostname,
    port: Number(server.url.port),
    rejectUnauthorized: false,
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
  });
  const agreed = new Promise((resolve) => socket.once('secureConnect', () => resolve(socket.alpnProtocol)));
  socket.write(request);
  return { answer: await text(socket), alpn: await agreed };
}

describe('HTTP/1.0', () => {
  const body = JSON.stringify({ mac: '24:6f:28:10:10:10', current_version: '1.0.0', product: 'product-1' });
  const headers = (): string =>
    [
      `Authorization: Bearer ${server.fleetToken}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ].join('\r\n');

  test.each([
    { alpn: undefined, agreed: false },
    { alpn: ['http/1.0'], agreed: 'http/1.0' },
    { alpn: ['http/1.1'], agreed: 'http/1.1' },
    { alpn: ['http/1.0', 'http/1.1'], agreed: 'http/1.1' },
    { alpn: ['h2', 'http/1.0'], agreed: 'http/1.0' },
  ])('is served where the handshake offers $alpn', async ({ alpn, agreed }) => {
    const host = `Host: ${server.url.host}`;
    const asked = await exchange(alpn, `POST /api/v1/check-update HTTP/1.0\r\n${host}\r\n${headers()}\r\n\r\n${body}`);
    expect(asked.alpn).toBe(agreed);
    expect(asked.answer).toMatch(/^HTTP\/1\.[01] 200 /);
    expect(asked.answer).toMatch(/content-length: \d+/i);
    expect(asked.answer).not.toMatch(/transfer-encoding/i);
    expect(asked.answer).toContain('"update_available":true');
  });

  test('by curl asks, downloads whole and in part, and gets the same bytes', async () => {
    const curl = async (...args: readonly string[]) =>
      (
        await run('curl', ['--http1.0', '-sSk', '-H', `Authorization: Bearer ${server.fleetToken}`, ...args], {
          encoding: 'buffer',
        })
      ).stdout;
    const url = (path: string): string => new URL(path, server.url).href;
    const offer: { readonly url: string } = JSON.parse(
      String(await curl('-H', 'Content-Type: application/json', '-d', body, url('/api/v1/check-update'))),
    );
    const whole = await curl(url(offer.url));
    expect(whole.equals(line.image('1.1.0'))).toBe(true);
    expect((await curl('-r', '100-', url(offer.url))).equals(whole.subarray(100))).toBe(true);
  });
});

test.each(['/check-update/', '/check-update', '/api/v1/check-update/', '/api/v1/check-update/x'])(
  '%s is no address',
  async (path) => {
    const token = server.fleetToken;
    const answer = await server.json('POST', path, { token, body: { mac: line.newMac(), current_version: '1.0.0' } });
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  },
);

test('an offer is never from the future, also where the clock of the server was set back', async () => {
  const { images } = await server.admin('getFirmware', {
    params: { version: '1.1.0' },
    query: { product: line.product },
  });
  server.clock.advance(-40 * 86_400_000);
  const offer = await line.checkIn(line.newMac(), '1.0.0');
  expect(offer).toMatchObject({ reason: 'update' });
  expect(Date.parse(offer.manifest?.created_at ?? '')).toBeLessThan(Date.parse(images[0]?.created_at ?? ''));
});
