// Parts of an image and what a client knows of it already: Range, If-Range, If-None-Match (RFC 9110 sections 13 and 14).

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { release } from '../../support/fleet.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { DIALECTS } from '../../support/scope.ts';
import { expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const LONG = '/firmware/default/1.0.0/esp32s3/image.bin';
const SHORT = '/firmware/1.0.0/image.bin';

/** Several blocks and a part of one. */
const image = buildEspImage({
  segments: [
    { loadAddress: 0x42000020, data: Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) & 0xff)) },
  ],
});
const size = image.length;
const last = size - 1;

let server: TestServer;
let etag: string;

async function get(headers: Readonly<Record<string, string>>, { method = 'GET', path = LONG } = {}) {
  const answer = await server.fetch(method, path, { token: server.fleetToken, headers });
  expect(answer.headers['content-encoding']).toBeUndefined();
  expect(answer.headers['transfer-encoding']).toBeUndefined();
  return answer;
}

describe.each(DIALECTS)('parts of an image, on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    const { image: stored } = await server.admin('uploadFirmware', {
      query: { version: '1.0.0', pilot_ready: 'true' },
      body: image,
    });
    await release(server, '1.0.0');
    etag = `"${stored.sha256}"`;
  });
  afterAll(async () => server.end());

  describe('Range', () => {
    test.each([
      ['B10', 'bytes=0-', 0, last],
      ['B10', `bytes=0-${last}`, 0, last],
      ['B10', 'bytes=0-0', 0, 0],
      ['B10', 'bytes=1000-1999', 1000, 1999],
      ['B10', `bytes=${BLOCK_BYTES - 1}-${BLOCK_BYTES}`, BLOCK_BYTES - 1, BLOCK_BYTES],
      ['B10', `bytes=${BLOCK_BYTES}-${2 * BLOCK_BYTES - 1}`, BLOCK_BYTES, 2 * BLOCK_BYTES - 1],
      ['B10', `bytes=${last}-`, last, last],
      ['B10', `bytes=${last}-${last}`, last, last],
      ['B10', 'bytes=-1', last, last],
      ['B10', 'bytes=-500', size - 500, last],
      ['B10', `bytes=-${size}`, 0, last],
      ['B10', 'BYTES=5-9', 5, 9],
      ['B10', 'bytes= 5-9 ', 5, 9],
      ['B15', `bytes=-${size + 1}`, 0, last],
      ['B15', `bytes=0-${size}`, 0, last],
      ['B15', 'bytes=10-18446744073709551616', 10, last],
      ['B15', `bytes=10-${'9'.repeat(400)}`, 10, last],
    ])('%s: %s is answered with the part', async (_, range, start, end) => {
      for (const path of [LONG, SHORT]) {
        const answer = await get({ range }, { path });
        expect(answer.status).toBe(206);
        expect(answer.headers).toMatchObject({
          'content-range': `bytes ${start}-${end}/${size}`,
          'content-length': String(end - start + 1),
          etag,
        });
        expect(answer.body.equals(image.subarray(start, end + 1))).toBe(true);
      }
    });

    test.each([
      ['B11', 'bytes=9-5', 'range_invalid'],
      ['B11', `bytes=${size}-`, 'range_invalid'],
      ['B11', `bytes=${size}-${size + 5}`, 'range_invalid'],
      ['B11', 'bytes=18446744073709551616-', 'range_invalid'],
      ['B11', `bytes=${'9'.repeat(400)}-`, 'range_invalid'],
      ['B11', 'bytes=', 'range_invalid'],
      ['B11', 'bytes=-', 'range_invalid'],
      ['B11', 'bytes=abc', 'range_invalid'],
      ['B11', 'bytes=1e3-2e3', 'range_invalid'],
      ['B11', 'bytes=0x0-0xf', 'range_invalid'],
      ['B11', 'bytes=--5', 'range_invalid'],
      ['B11', 'bytes=+1-5', 'range_invalid'],
      ['B13', 'bytes=-0', 'range_invalid'],
      ['B14', 'bytes=0-0,2-3', 'range_multiple_unsupported'],
      [
        'B14',
        `bytes=${Array.from({ length: 100 }, (_, index) => `${index * 2}-${index * 2}`).join(',')}`,
        'range_multiple_unsupported',
      ],
    ] as const)('%s: %s is refused and says how long the image is', async (_, range, code) => {
      const answer = await get({ range });
      await expectRefusal(server, answer, code, 416);
      expect(answer.headers['content-range']).toBe(`bytes */${size}`);
    });

    test.each(['items=0-5', 'seconds=1-2', 'bytes', '0-5', ''])(
      'a range in the unit or form %j is as none',
      async (range) => {
        expectWhole(await get({ range }));
      },
    );

    test('of HEAD is as none: parts are for GET alone', async () => {
      const answer = await get({ range: 'bytes=0-9' }, { method: 'HEAD' });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-length']).toBe(String(size));
      expect(answer.headers['content-range']).toBeUndefined();
      expect((await get({ range: 'bytes=9-5' }, { method: 'HEAD' })).status).toBe(200);
    });

    test('B10: for any start and end within the image the part is the slice', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: last }), fc.nat({ max: size + 10 }), async (one, other) => {
          const [start, end] = one <= other ? [one, other] : [other, one];
          const answer = await get({ range: `bytes=${start}-${end}` });
          expect(answer.status).toBe(206);
          expect(answer.headers['content-range']).toBe(`bytes ${start}-${Math.min(end, last)}/${size}`);
          expect(answer.body.equals(image.subarray(start, end + 1))).toBe(true);
        }),
        { numRuns: 200 },
      );
    });

    test('B10: parts fetched one after the other, as a board resumes, are the image', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 8 }),
          async (lengths) => {
            const parts: Buffer[] = [];
            let at = 0;
            for (const length of lengths) {
              if (at >= size) break;
              const { body } = await get({ range: `bytes=${at}-${at + length - 1}`, 'if-range': etag });
              parts.push(body);
              at += body.length;
            }
            if (at < size) parts.push((await get({ range: `bytes=${at}-`, 'if-range': etag })).body);
            expect(Buffer.concat(parts).equals(image)).toBe(true);
          },
        ),
        { numRuns: 20 },
      );
    });
  });

  describe('If-Range', () => {
    test('B17: with the tag of this image the part comes', async () => {
      const answer = await get({ range: 'bytes=5-9', 'if-range': etag });
      expect(answer.status).toBe(206);
      expect(answer.body).toEqual(image.subarray(5, 10));
    });

    test.each([
      ['another tag', () => `"${'0'.repeat(64)}"`],
      ['the weak form of the tag, which proves no equal bytes', () => `W/${etag}`],
      ['the tag without quotes', () => etag.slice(1, -1)],
      ['a date', () => 'Mon, 23 Nov 2026 10:00:00 GMT'],
      ['nothing', () => ''],
    ])('B17: with %s the whole image comes from byte 0', async (_, ifRange) => {
      expectWhole(await get({ range: 'bytes=5-9', 'if-range': ifRange() }));
      expectWhole(await get({ range: `bytes=${size}-`, 'if-range': ifRange() }));
    });
  });

  describe('If-None-Match', () => {
    test.each([
      ['the tag', () => etag],
      ['the weak form of the tag', () => `W/${etag}`],
      ['a list with the tag', () => `"a", W/"b" , ${etag}`],
      ['*', () => '*'],
    ])('B18: with %s there is nothing to send', async (_, ifNoneMatch) => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await get({ 'if-none-match': ifNoneMatch(), range: 'bytes=9-5' }, { method });
        expect(answer.status).toBe(304);
        expect(answer.headers).toMatchObject({ etag, 'cache-control': expect.stringContaining('immutable') });
        expect(answer.body).toHaveLength(0);
      }
    });

    test.each([
      ['another tag', () => `"${'0'.repeat(64)}"`],
      ['a list without it', () => '"a", "b"'],
      ['the tag without quotes', () => etag.slice(1, -1)],
      ['nothing', () => ''],
    ])('B18: with %s the image comes', async (_, ifNoneMatch) => {
      expectWhole(await get({ 'if-none-match': ifNoneMatch() }));
    });
  });

  test('B19: HEAD says what GET says, without the bytes', async () => {
    for (const path of [LONG, SHORT]) {
      const [whole, headOnly] = [await get({}, { path }), await get({}, { path, method: 'HEAD' })];
      expect(headOnly.body).toHaveLength(0);
      const same = ['etag', 'content-length', 'content-type', 'accept-ranges', 'cache-control'];
      for (const name of same) expect(headOnly.headers[name]).toBe(whole.headers[name]);
      expectWhole(whole);
    }
  });
});

function expectWhole(answer: Awaited<ReturnType<typeof get>>): void {
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({ 'content-length': String(size), etag });
  expect(answer.headers['content-range']).toBeUndefined();
  expect(answer.body.equals(image)).toBe(true);
}
