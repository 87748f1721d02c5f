// A stored image that is damaged on disk (rows B29 to B31 of tests/data/bad-inputs.tsv): either a 503 before the first byte,
// or a connection that breaks before the promised length; never a whole answer with wrong bytes.

import { hash } from 'node:crypto';
import { mkdir, open, rename, rm, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { release } from '../../support/fleet.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { DIALECTS } from '../../support/scope.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PATH = '/firmware/default/1.0.0/esp32s3/image.bin';
const BLOCKS = 8;
const image = buildEspImage({
  segments: [{ loadAddress: 0x42000020, data: Buffer.alloc((BLOCKS - 1) * BLOCK_BYTES, 0x5a) }],
});

let server: TestServer;
let file: string;

const download = async (headers: Readonly<Record<string, string>> = {}) =>
  server.fetch('GET', PATH, { token: server.fleetToken, headers });

/** Turns one bit of the byte at `offset`; size and times may stay as they were. */
async function flipBit(offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  await handle.write(Buffer.from([byte.readUInt8(0) ^ 1]), 0, 1, offset);
  await handle.close();
}

describe.each(DIALECTS)('a damaged image, on %s', (dialect) => {
  beforeEach(async () => {
    server = await startTestServer({ dialect });
    await server.admin('uploadFirmware', { query: { version: '1.0.0', pilot_ready: 'true' }, body: image });
    await release(server, '1.0.0');
    file = join(server.home, 'data/firmware/.blobs', hash('sha256', image));
  });
  afterEach(async () => server.end());

  describe('before the first byte', () => {
    test.each([
      [
        'B29',
        'a file that is one byte shorter than recorded',
        async () => truncate(file, image.length - 1),
        'blob_corrupt',
      ],
      ['B29', 'an empty file', async () => truncate(file, 0), 'blob_corrupt'],
      ['B29', 'a file that is longer than recorded', async () => truncate(file, image.length + 1), 'blob_corrupt'],
      ['B29', 'no file', async () => rm(file), 'blob_corrupt'],
      ['B30', 'one bit turned in the first block', async () => flipBit(100), 'blob_corrupt'],
      [
        'B31',
        'a folder in place of the file',
        async () => {
          await rm(file);
          await mkdir(file);
        },
        'blob_corrupt',
      ],
      [
        'B31',
        'a link in place of the file',
        async () => {
          await rename(file, `${file}.moved`);
          await symlink(`${file}.moved`, file);
        },
        'unavailable',
      ],
    ] as const)('%s: %s is a 503', async (_, __, damage, code) => {
      expect((await download()).body.equals(image)).toBe(true);
      await damage();
      const answer = await download();
      await expectRefusal(server, answer, code);
      expect(answer.body.toString()).not.toContain(server.home);
      expect(server.logged.filter((line) => line.includes('"level":50'))).toHaveLength(1);
    });

    test('B29: HEAD and a part of a shortened file are a 503 as well', async () => {
      await truncate(file, image.length - 1);
      await expectRefusal(server, await download({ range: 'bytes=0-9' }), 'blob_corrupt');
      const answer = await server.fetch('HEAD', PATH, { token: server.fleetToken });
      expect(answer.status).toBe(503);
    });

    test('B30: a part that begins in a damaged block is a 503, parts of other blocks are right', async () => {
      await flipBit(3 * BLOCK_BYTES + 5);
      const inside = { range: `bytes=${3 * BLOCK_BYTES + 100}-${3 * BLOCK_BYTES + 200}` };
      await expectRefusal(server, await download(inside), 'blob_corrupt');
      const before = await download({ range: `bytes=10-${3 * BLOCK_BYTES - 1}` });
      expect(before.status).toBe(206);
      expect(before.body.equals(image.subarray(10, 3 * BLOCK_BYTES))).toBe(true);
      const behind = await download({ range: `bytes=${4 * BLOCK_BYTES}-` });
      expect(behind.body.equals(image.subarray(4 * BLOCK_BYTES))).toBe(true);
    });
  });

  describe('after the first byte', () => {
    test.each([
      ['the whole image', undefined, 0],
      ['a part of it', 'bytes=70000-', 70_000],
    ])('B30: one bit turned in a later block cuts the connection before the block: %s', async (_, range, start) => {
      const damagedAt = 5 * BLOCK_BYTES;
      await flipBit(damagedAt + 77);
      const { status, promised, bytes } = await readUntilCut(range);
      expect(status).toBe(range === undefined ? 200 : 206);
      expect(bytes.length).toBeLessThan(promised);
      expect(bytes.equals(image.subarray(start, start + bytes.length))).toBe(true);
      expect(start + bytes.length).toBeLessThanOrEqual(damagedAt);
      await expectCutLogged(/block 5/);
    });

    test('B30: an HTTP client sees an error, not a short image', async () => {
      await flipBit(5 * BLOCK_BYTES);
      await expect(download()).rejects.toThrow(/aborted|ECONNRESET|socket hang up/);
      await expectAlive(server);
    });

    test('B31: a file that cannot be read any more while it is sent cuts the connection', async () => {
      const client = await RawClient.open(server.url);
      // More than the buffers of both ends hold, so that the server has to wait for this reader in the middle of an image.
      const page = head('GET /docs/js/scalar.js HTTP/1.1', 'Host: otter');
      client.socket.once('data', () => client.socket.pause());
      client.send(page.repeat(3) + requestFor(await offeredUrl()));
      // The server notes a download when it has read the first block of its image.
      await vi.waitFor(
        async () => {
          const { items } = await server.admin('listAssignments', {});
          expect(items.map(({ state }) => state)).toEqual(['downloading']);
        },
        { timeout: 25_000 },
      );
      await truncate(file, BLOCK_BYTES);
      client.socket.resume();
      const { ending, bytes } = await client.rest(25_000);
      expect(ending).not.toBe('open');
      expect(bytes.length).toBeGreaterThan(BLOCK_BYTES);
      const pageBytes = (await server.fetch('GET', '/docs/js/scalar.js')).body.length;
      expect(bytes.length).toBeLessThan(3 * pageBytes + image.length);
      await expectCutLogged(/recorded are/);
    });
  });
});

/** Rolls the image out to one board, and answers the address that it is offered. */
async function offeredUrl(): Promise<string> {
  const mac = '24:6f:28:00:00:01';
  await server.checkIn(mac, '0.9.0', { chip: 'esp32s3' });
  await server.admin('labelDevice', { params: { device: mac, name: 'pilot' } });
  await server.admin('createRollout', { body: { version: '1.0.0', name: 'all' } });
  await server.admin('startRollout', { params: { name: 'all' }, body: {} });
  const { url } = await server.checkIn(mac, '0.9.0', { chip: 'esp32s3' });
  if (url === undefined) throw new Error('no offer');
  return url;
}

function requestOf(...lines: readonly string[]): string {
  return requestFor(PATH, ...lines);
}

function requestFor(path: string, ...lines: readonly string[]): string {
  return head(`GET ${path} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${server.fleetToken}`, ...lines);
}

async function readUntilCut(range: string | undefined) {
  const client = await RawClient.open(server.url);
  client.send(requestOf(...(range === undefined ? [] : [`Range: ${range}`])));
  const { status, headers } = await client.head();
  const { ending, bytes } = await client.rest();
  expect(ending).not.toBe('open');
  return { status, promised: Number(headers['content-length']), bytes };
}

async function expectCutLogged(why: RegExp): Promise<void> {
  await vi.waitFor(() => {
    const errors = server.logged.filter((line) => line.includes('"level":50'));
    expect(errors).not.toHaveLength(0);
    for (const line of errors) expect(line).toMatch(why);
    expect(server.logged.filter((line) => line.includes('"cut":true'))).not.toHaveLength(0);
  });
  await expectAlive(server);
}
