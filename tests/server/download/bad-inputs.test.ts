// What can go wrong with the download of an image before its first byte (the ids are stable names of the rows of
// tests/data/bad-inputs.tsv). Ranges have a table of their own in range.test.ts.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode } from '#protocol/errors.ts';
import { addFirmware, imageOf, release } from '../../support/fleet.ts';
import { BOTH } from '../../support/scope.ts';
import { exchange, head, RawClient } from '../../support/server/raw-client.ts';
import { expectLoggedOnce, expectNoToken, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const LONG = '/firmware/default/1.0.0/esp32/image.bin';
const SHORT = '/firmware/1.0.0/image.bin';
const image = imageOf('1.0.0');

let server: TestServer;
let authorization: string;

interface Row {
  readonly id: string;
  readonly input: string;
  /** The request target, as it stands in the first line. */
  readonly target: string | (() => string);
  readonly token?: () => string;
  readonly headers?: readonly string[];
  readonly code: ErrorCode;
  readonly says?: RegExp;
}

const ROWS: readonly Row[] = [
  { id: 'B1', input: 'no token', target: LONG, token: () => '', code: 'token_missing' },
  { id: 'B1', input: 'no token on the short form', target: SHORT, token: () => '', code: 'token_missing' },
  { id: 'B1', input: 'the admin token', target: LONG, token: () => server.adminToken, code: 'wrong_scope' },
  {
    id: 'B1',
    input: 'no token, an image that is not there',
    target: '/firmware/default/9.9.9/esp32/image.bin',
    token: () => '',
    code: 'token_missing',
  },
  { id: 'B3', input: 'dots', target: '/firmware/../../etc/passwd', code: 'id_invalid' },
  { id: 'B3', input: 'dots as names', target: '/firmware/../../esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'encoded dots', target: '/firmware/%2e%2e/%2e%2e/esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'encoded slashes', target: '/firmware/..%2f..%2fetc/1.0.0/esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'double encoding', target: '/firmware/%252e%252e/1.0.0/esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'backslashes', target: String.raw`/firmware/..\..\etc/1.0.0/esp32/image.bin`, code: 'id_invalid' },
  {
    id: 'B3',
    input: 'encoded backslashes',
    target: '/firmware/..%5c..%5cetc/1.0.0/esp32/image.bin',
    code: 'id_invalid',
  },
  { id: 'B3', input: 'an empty part', target: '/firmware//1.0.0/esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'the folder of uploads', target: '/firmware/.incoming/1.0.0/esp32/image.bin', code: 'id_invalid' },
  { id: 'B3', input: 'a long part', target: `/firmware/${'a'.repeat(121)}/1.0.0/esp32/image.bin`, code: 'id_invalid' },
  { id: 'B3', input: 'a very long part', target: `/firmware/${'a'.repeat(7_000)}/image.bin`, code: 'id_invalid' },
  {
    id: 'B3',
    input: 'overlong UTF-8 dots',
    target: '/firmware/%c0%ae%c0%ae/1.0.0/esp32/image.bin',
    code: 'url_invalid',
  },
  { id: 'B5', input: 'a NUL', target: '/firmware/%00/image.bin', code: 'id_invalid' },
  { id: 'B5', input: 'a NUL behind a good version', target: '/firmware/1.0.0%00/image.bin', code: 'id_invalid' },
  { id: 'B5', input: 'CR and LF', target: '/firmware/1.0.0%0d%0aX-Evil:%201/image.bin', code: 'id_invalid' },
  { id: 'B6', input: 'a bad escape', target: '/firmware/%E0%A4%A/image.bin', code: 'url_invalid' },
  { id: 'B6', input: 'half an escape', target: '/firmware/%2', code: 'url_invalid' },
  { id: 'B7', input: 'upper case in the chip', target: '/firmware/default/1.0.0/ESP32/image.bin', code: 'id_invalid' },
  {
    id: 'B7',
    input: 'upper case in the product',
    target: '/firmware/Default/1.0.0/esp32/image.bin',
    code: 'id_invalid',
  },
  { id: 'B7', input: 'a version with v', target: '/firmware/v1.0.0/image.bin', code: 'id_invalid' },
  {
    id: 'B9',
    input: 'a blocked firmware',
    target: '/firmware/default/1.1.0/esp32/image.bin',
    code: 'firmware_blocked',
    says: /1\.1\.0/,
  },
  { id: 'B9', input: 'a blocked firmware, short form', target: '/firmware/1.1.0/image.bin', code: 'firmware_blocked' },
  {
    id: 'B9',
    input: 'an unknown version',
    target: '/firmware/9.9.9/image.bin',
    code: 'image_unknown',
    says: /9\.9\.9/,
  },
  {
    id: 'B9',
    input: 'a chip without image',
    target: '/firmware/default/1.0.0/esp32c3/image.bin',
    code: 'image_unknown',
  },
  {
    id: 'B9',
    input: 'the short form of two images',
    target: '/firmware/2.0.0/image.bin',
    code: 'version_ambiguous',
    says: /esp32s3/,
  },
  {
    id: 'B34',
    input: 'the token in the address',
    target: () => `${LONG}?token=${server.fleetToken}`,
    token: () => '',
    code: 'token_in_url',
  },
  {
    id: 'B34',
    input: 'both ways',
    target: () => `${LONG}?a=1&access_token=${server.fleetToken}`,
    code: 'token_in_url',
    says: /replace this token/,
  },
  {
    id: 'B37',
    input: 'the absolute form to another host',
    target: `https://other.example${LONG}`,
    code: 'not_found',
    says: /no proxy/,
  },
  {
    id: 'B37',
    input: 'the absolute form to port 80 of another host',
    target: 'http://169.254.169.254/latest/meta-data',
    code: 'not_found',
  },
  {
    id: 'B38',
    input: 'a request line of 20 KB',
    target: `/firmware/${'a'.repeat(20_000)}/image.bin`,
    code: 'headers_too_large',
  },
  {
    id: 'B39',
    input: '200 header lines',
    target: LONG,
    headers: Array.from({ length: 200 }, (_, index) => `x-${index}: 1`),
    code: 'headers_too_large',
    says: /64/,
  },
  {
    id: 'B39',
    input: '65 header lines',
    target: LONG,
    headers: Array.from({ length: 63 }, (_, index) => `x-${index}: 1`),
    code: 'headers_too_large',
  },
];

describe.each(BOTH)('images on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    authorization = `Authorization: Bearer ${server.fleetToken}`;
    await addFirmware(server, '1.0.0');
    await addFirmware(server, '1.1.0');
    await addFirmware(server, '2.0.0', { chip: 'esp32' });
    await addFirmware(server, '2.0.0', { chip: 'esp32s3' });
    for (const version of ['1.0.0', '1.1.0']) await release(server, version);
    await server.admin('blockFirmware', { params: { version: '1.1.0' }, body: { reason: 'test' } });
  });
  afterAll(async () => server.end());

  describe('a download is refused', () => {
    test.each(ROWS)('$id: $input', async ({ target, token, headers = [], code, says = /./ }) => {
      const secret = token?.() ?? server.fleetToken;
      const answer = await exchange(
        server.url,
        head(
          `GET ${typeof target === 'string' ? target : target()} HTTP/1.1`,
          'Host: otter',
          ...(secret === '' ? [] : [`Authorization: Bearer ${secret}`]),
          ...headers,
        ),
      );
      const { message, hint } = await expectRefusal(server, answer, code);
      expect(`${message} (${hint})`).toMatch(says);
      expect(answer.body.includes(image.subarray(0, 16))).toBe(false);
      expect(answer.headers).not.toHaveProperty('x-evil');
    });
  });

  describe('a download is given', () => {
    test('B39: with 64 header lines', async () => {
      const lines = Array.from({ length: 62 }, (_, index) => `x-${index}: 1`);
      const answer = await exchange(server.url, head(`GET ${LONG} HTTP/1.1`, 'Host: otter', authorization, ...lines));
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(image);
    });

    test('B19: HEAD has the length and no body', async () => {
      const client = await RawClient.open(server.url);
      client.send(head(`HEAD ${LONG} HTTP/1.1`, 'Host: otter', authorization, 'Connection: close'));
      const answer = await client.answer({ bodyless: true });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'content-length': String(image.length), 'accept-ranges': 'bytes' });
      expect(await client.rest()).toEqual({ ending: 'ended', bytes: Buffer.alloc(0) });
    });

    test.each(['gzip', 'br, gzip, deflate', 'identity;q=0, *'])(
      'B21: Accept-Encoding %s changes nothing',
      async (encoding) => {
        const answer = await server.fetch('GET', LONG, {
          token: server.fleetToken,
          headers: { 'accept-encoding': encoding },
        });
        expect(answer.status).toBe(200);
        expect(answer.headers['content-encoding']).toBeUndefined();
        expect(answer.headers['content-length']).toBe(String(image.length));
        expect(answer.body).toEqual(image);
      },
    );

    test.each([
      ['long', LONG],
      ['short', SHORT],
    ])('B22: HTTP/1.0 gets the length, the image and a closed connection, %s form', async (_, path) => {
      const client = await RawClient.open(server.url);
      client.send(head(`GET ${path} HTTP/1.0`, authorization));
      const answer = await client.answer();
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'content-length': String(image.length), connection: 'close' });
      expect(answer.headers).not.toHaveProperty('transfer-encoding');
      expect(answer.body).toEqual(image);
      expect(await client.rest()).toEqual({ ending: 'ended', bytes: Buffer.alloc(0) });
    });

    test('B35: a forged X-Forwarded-For is not believed', async () => {
      const forged = {
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-host': 'evil.example',
        forwarded: 'for=203.0.113.7',
      };
      const answer = await server.fetch('GET', LONG, { token: server.fleetToken, headers: forged });
      const line = await expectLoggedOnce(server, String(answer.headers['x-request-id']), { status: 200 });
      expect(line).toMatchObject({ ip: '127.0.0.1' });
      expect(JSON.stringify(line)).not.toMatch(/203\.0\.113\.7|evil/);
    });

    test('the manifest beside it says its size and digest', async () => {
      const answer = await server.json('GET', LONG.replace('image.bin', 'manifest.json'), { token: server.fleetToken });
      expect(answer).toMatchObject({
        status: 200,
        body: { size_bytes: image.length, version: '1.0.0', chip: 'esp32' },
      });
    });

    test('random bytes in front of a request do not reach the next connection', async () => {
      const client = await RawClient.open(server.url);
      client.send(randomBytes(64));
      await expectRefusal(server, await client.answer(), 'request_malformed');
      expect((await client.rest()).ending).not.toBe('open');
    });
  });

  test('no line of the log holds a token', () => {
    expect(server.logged.length).toBeGreaterThan(50);
    expectNoToken(server, server.logged);
  });
});
