// What can go wrong with an upload (the ids are stable names of the rows of tests/data/bad-inputs.tsv). After every refusal
// the store and the database are as they were: no row, no file.

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ErrorCode } from '#protocol/errors.ts';
import { BODY_TIMEOUT_MS, MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { resealEspImage } from '#simulator/images/esp-image-maker.ts';
import { buildEspImage, withBytes } from '../../support/esp-image-builder.ts';
import { BOTH, DIALECTS } from '../../support/scope.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectNoToken, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const UPLOAD = '/api/v1/admin/firmware';
const image = buildEspImage({ descriptor: { version: '1.4.0', projectName: 'thermostat' } });
const marked = buildEspImage({ marker: { product: 'thermostat', version: '1.4.0' } });
const hashAt = image.length - 32;
const espruino = new URL('../../../node_modules/espruino-create-project/firmware/esp32/', import.meta.url);
const PARTITIONS = readFileSync(new URL('partitions_espruino.bin', espruino));

let server: TestServer;

async function upload(
  query: Readonly<Record<string, string>>,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
) {
  return server.fetch('POST', `${UPLOAD}?${new URLSearchParams(query).toString()}`, {
    token: server.adminToken,
    body,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
}

/** Everything that an upload could leave behind. */
async function readTraces() {
  const files = await readdir(join(server.home, 'data/firmware'), { recursive: true });
  const { items } = await server.admin('listFirmware');
  return { files: files.toSorted(), firmware: items };
}

let before: Awaited<ReturnType<typeof readTraces>>;

async function expectNothingKept(): Promise<void> {
  await vi.waitFor(async () => expect(await readTraces()).toEqual(before));
}

/** A bootloader behind 0xFF, a partition table, the application: what esptool merges. */
function mergedImage(): Buffer {
  const flash = Buffer.alloc(0x20000, 0xff);
  readFileSync(new URL('bootloader.bin', espruino)).copy(flash, 0x1000);
  PARTITIONS.copy(flash, 0x8000);
  image.copy(flash, 0x10000);
  return flash;
}

interface Row {
  readonly id: string;
  readonly input: string;
  readonly body: Buffer;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: ErrorCode;
  readonly says?: RegExp;
}

const ROWS: readonly Row[] = [
  { id: 'F2', input: '0 bytes', body: Buffer.alloc(0), code: 'empty_image' },
  { id: 'F3', input: 'one byte E9', body: Buffer.from([0xe9]), code: 'image_truncated' },
  {
    id: 'F11',
    input: 'another X-Sha256',
    body: image,
    headers: { 'x-sha256': '0'.repeat(64) },
    code: 'sha_mismatch',
    says: new RegExp(hash('sha256', image)),
  },
  {
    id: 'F11',
    input: 'another sha256 in the query',
    body: image,
    query: { sha256: 'a'.repeat(64) },
    code: 'sha_mismatch',
  },
  { id: 'F11', input: 'an X-Sha256 that is none', body: image, headers: { 'x-sha256': 'abc' }, code: 'sha_mismatch' },
  { id: 'F13', input: 'text', body: Buffer.from('hello'), code: 'not_esp_image', says: /0x68/ },
  { id: 'F14', input: 'ELF', body: Buffer.from('\x7fELF\x01\x01'), code: 'elf_not_bin', says: /not the \.elf/ },
  { id: 'F15', input: 'UF2', body: Buffer.from('UF2\n____'), code: 'uf2_not_bin' },
  {
    id: 'F15',
    input: 'Intel HEX',
    body: Buffer.from(':10010000214601360121470136007EFE09D2190140\n'),
    code: 'hex_not_bin',
  },
  { id: 'F17', input: 'a merged image', body: mergedImage(), code: 'merged_image', says: /merged\.bin/ },
  { id: 'F18', input: 'a partition table', body: PARTITIONS, code: 'partition_table' },
  { id: 'F19', input: 'no segments', body: withBytes(image, 1, [0]), code: 'segment_invalid' },
  { id: 'F19', input: '17 segments', body: withBytes(image, 1, [17]), code: 'segment_invalid' },
  {
    id: 'F21',
    input: 'a wrong checksum',
    body: withBytes(image, hashAt - 1, [image.readUInt8(hashAt - 1) ^ 1]),
    code: 'checksum',
  },
  {
    id: 'F22',
    input: 'a wrong appended SHA-256',
    body: withBytes(image, hashAt, [image.readUInt8(hashAt) ^ 1]),
    code: 'image_hash',
  },
  { id: 'F23', input: 'no appended SHA-256', body: withBytes(image, 23, [0]), code: 'image_hash_missing' },
  { id: 'F25', input: 'the last byte missing', body: image.subarray(0, -1), code: 'image_truncated' },
  {
    id: 'F26',
    input: 'an ESP32-S3 image announced for the ESP32-C3',
    body: image,
    query: { chip: 'esp32c3' },
    code: 'chip_mismatch',
    says: /esp32s3.*esp32c3/,
  },
  { id: 'F27', input: 'chip 0x00FF', body: withBytes(image, 12, [0xff]), code: 'chip_unknown' },
  {
    id: 'F29',
    input: 'a version without its NUL',
    body: resealEspImage(withBytes(image, 32 + 16, Buffer.alloc(32, 0x41))),
    code: 'descriptor_invalid',
  },
  {
    id: 'F29',
    input: 'a binary project name',
    body: resealEspImage(withBytes(image, 32 + 48, [0x01, 0x80])),
    code: 'descriptor_invalid',
  },
  {
    id: 'F30',
    input: 'the marker of another product',
    body: marked,
    query: { product: 'boiler' },
    code: 'product_mismatch',
    says: /thermostat.*boiler/,
  },
  {
    id: 'F30',
    input: 'another version than the marker',
    body: marked,
    query: { version: '1.5.0' },
    code: 'version_mismatch',
  },
  { id: 'F37', input: 'a product of dots', body: image, query: { product: '../../x' }, code: 'field_invalid' },
  { id: 'F37', input: 'the product CON', body: image, query: { product: 'CON' }, code: 'field_invalid' },
  {
    id: 'F37',
    input: 'a product of 300 characters',
    body: image,
    query: { product: 'a'.repeat(300) },
    code: 'field_invalid',
  },
  {
    id: 'F37',
    input: 'a product with quote, CR and LF',
    body: image,
    query: { product: 'a"\r\nX-Evil: 1' },
    code: 'field_invalid',
  },
  {
    id: 'F37',
    input: 'a version with a path',
    body: image,
    query: { version: '1.4.0/../..' },
    code: 'version_invalid',
  },
  {
    id: 'F37',
    input: 'release notes with an escape sequence',
    body: image,
    query: { notes: '\u{1b}[2J' },
    code: 'control_char',
  },
  {
    id: 'F38',
    input: 'a form with a file',
    body: form('x', image),
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    code: 'content_type',
    says: /--data-binary/,
  },
  {
    id: 'F38',
    input: 'a form of 10,000 parts',
    body: form('x', ...Array.from({ length: 10_000 }, () => Buffer.from('1'))),
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    code: 'content_type',
  },
  {
    id: 'F39',
    input: 'a form without boundary',
    body: form('x', image),
    headers: { 'content-type': 'multipart/form-data' },
    code: 'content_type',
  },
  {
    id: 'F39',
    input: 'a boundary of 7 KB',
    body: form('x', image),
    headers: { 'content-type': `multipart/form-data; boundary=${'b'.repeat(7_000)}` },
    code: 'content_type',
  },
  {
    id: 'F39',
    input: 'a boundary of 8 KB',
    body: form('x', image),
    headers: { 'content-type': `multipart/form-data; boundary=${'b'.repeat(8_192)}` },
    code: 'headers_too_large',
  },
];

describe.each(BOTH)('an upload on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());
  beforeEach(async () => {
    await vi.waitFor(async () => {
      before = await readTraces();
      expect(before.files.filter((name) => name.startsWith('.incoming/'))).toEqual([]);
    });
  });

  describe('is refused and leaves nothing', () => {
    test.each(ROWS)('$id: $input', async ({ body, query = {}, headers = {}, code, says = /./ }) => {
      const { message, hint } = await expectRefusal(server, await upload(query, body, headers), code);
      expect(`${message} (${hint})`).toMatch(says);
      await expectNothingKept();
    });

    test.each([
      ['JSON', { 'content-type': 'application/json' }],
      ['compressed', { 'content-encoding': 'gzip' }],
    ])('an image sent as %s', async (_, headers: Readonly<Record<string, string>>) => {
      await expectRefusal(server, await upload({}, image, headers), 'content_type');
      await expectNothingKept();
    });

    test('one byte more than an image may have, with and without a length', async () => {
      const tooLarge = Buffer.alloc(MAX_IMAGE_BYTES + 1, 0xe9);
      await expectRefusal(server, await upload({}, tooLarge), 'image_too_large');
      const client = await openUpload('Transfer-Encoding: chunked');
      client.send(
        Buffer.concat([Buffer.from(`${tooLarge.length.toString(16)}\r\n`), tooLarge, Buffer.from('\r\n0\r\n\r\n')]),
      );
      await expectRefusal(server, await client.answer(), 'image_too_large');
      client.close();
      await expectNothingKept();
    });
  });

  // What waits for a deadline is not waited for twice on a push.
  describe.runIf(DIALECTS.includes(dialect))('a connection that goes wrong leaves nothing', () => {
    test('F1: 16 MiB without a token are refused before the body, and not read to the end', async () => {
      const client = await RawClient.open(server.url);
      client.send(
        head(
          `POST ${UPLOAD} HTTP/1.1`,
          'Host: otter',
          'Content-Type: application/octet-stream',
          `Content-Length: ${16 * 1_048_576}`,
        ),
      );
      await expectRefusal(server, await client.answer(), 'token_missing');
      client.send(Buffer.alloc(65_536, 0xe9));
      expect((await client.rest()).ending).not.toBe('open');
      await expectNothingKept();
    });

    test('F5: a length that is too low ends the image there, and what follows is no request', async () => {
      const client = await openUpload(`Content-Length: ${image.length - 100}`);
      client.send(image);
      await expectRefusal(server, await client.answer(), 'request_malformed');
      expect((await client.rest()).ending).not.toBe('open');
      await expectNothingKept();
    });

    test('F6: a length that is too high and then silence is answered after the deadline', async () => {
      const client = await openUpload(`Content-Length: ${image.length + 1}`);
      const startedMs = performance.now();
      client.send(image);
      const answer = await client.answer();
      expect(performance.now() - startedMs).toBeGreaterThan(BODY_TIMEOUT_MS - 100);
      await expectRefusal(server, answer, 'request_timeout');
      expect((await client.rest()).ending).not.toBe('open');
      await expectNothingKept();
    });

    test('F7: a client that goes away in the middle', async () => {
      for (const part of [0, 0.5, 1]) {
        const client = await openUpload(`Content-Length: ${image.length + 1}`);
        client.send(image.subarray(0, image.length * part));
        const lines = server.logged.length;
        await delay(50);
        client.close();
        await vi.waitFor(() => {
          const said = server.logged.slice(lines).map((line): unknown => JSON.parse(line));
          expect(said).toContainEqual(expect.objectContaining({ msg: 'request', method: 'POST', cut: true }));
          expect(said).not.toContainEqual(expect.objectContaining({ level: 50 }));
        });
        await expectNothingKept();
      }
      await expectAlive(server);
    });
  });

  describe('of what is there already', () => {
    const product = 'thermostat';
    const other = buildEspImage({
      descriptor: { version: '1.4.0', projectName: product },
      marker: { product, version: '1.4.0' },
    });

    test('F9: the same bytes once more are answered with the same firmware, and store nothing', async () => {
      const first = await upload({ product }, image);
      expect(first.status).toBe(201);
      before = await readTraces();
      const again = await upload({ product }, image);
      expect(again.status).toBe(200);
      const [one, two] = [JSON.parse(first.body.toString()), JSON.parse(again.body.toString())];
      expect(one).toMatchObject({ already_there: false, firmware: { version: '1.4.0', product } });
      expect(two).toEqual({ ...one, already_there: true });
      await expectNothingKept();
    });

    test('F10: the same version with other bytes is refused with both digests', async () => {
      const { message } = await expectRefusal(server, await upload({ product }, other), 'version_exists');
      expect(message).toContain(hash('sha256', image));
      expect(message).toContain(hash('sha256', other));
      await expectNothingKept();
    });

    test('F10: a version that differs in build metadata alone has no place in the order', async () => {
      const twin = buildEspImage({ descriptor: { version: '1.4.0+b2', projectName: product } });
      await expectRefusal(server, await upload({ product }, twin), 'version_exists');
      await expectNothingKept();
    });

    test('F31: a lower secure version than the last is refused', async () => {
      const secure = (version: string, secureVersion: number): Buffer =>
        buildEspImage({ descriptor: { version, projectName: product, secureVersion } });
      expect((await upload({ product }, secure('1.5.0', 3))).status).toBe(201);
      before = await readTraces();
      const { message } = await expectRefusal(
        server,
        await upload({ product }, secure('1.6.0', 2)),
        'security_version_lower',
      );
      expect(message).toMatch(/2.*3/);
      await expectNothingKept();
      expect((await upload({ product }, secure('1.6.0', 3))).status).toBe(201);
    });

    test('a blocked firmware takes no further image', async () => {
      await server.admin('blockFirmware', { params: { version: '1.6.0' }, query: { product }, body: {} });
      before = await readTraces();
      const c3 = buildEspImage({ chipId: 5, descriptor: { version: '1.6.0', projectName: product, secureVersion: 3 } });
      await expectRefusal(server, await upload({ product }, c3), 'firmware_blocked');
      await expectNothingKept();
    });
  });

  test('F30: the project name of Arduino builds says nothing of the product', async () => {
    const arduino = buildEspImage({ descriptor: { version: 'esp-idf: v4.4.4', projectName: 'arduino-lib-builder' } });
    const answer = await upload({ product: 'lamp', version: '2.0.0' }, arduino);
    expect(answer.status).toBe(201);
  });

  test('F37: names of files that a client sends are ignored', async () => {
    const sketch = buildEspImage({ descriptor: { version: '3.0.0', projectName: 'lamp' } });
    const answer = await upload({ product: 'lamp' }, sketch, {
      'content-disposition': 'attachment; filename="../../x"',
      'x-filename': 'CON',
    });
    expect(answer.status).toBe(201);
    const files = await readdir(join(server.home, 'data/firmware/lamp/3.0.0'), { recursive: true });
    expect(files.toSorted()).toEqual(['esp32s3', 'esp32s3/image.bin', 'esp32s3/manifest.json']);
  });

  test('no line of the log holds a token', () => {
    expect(server.logged.length).toBeGreaterThan(50);
    expectNoToken(server, server.logged);
  });
});

/** Sends the head of an upload. */
async function openUpload(...lines: readonly string[]): Promise<RawClient> {
  const client = await RawClient.open(server.url);
  client.send(
    head(
      `POST ${UPLOAD} HTTP/1.1`,
      'Host: otter',
      `Authorization: Bearer ${server.adminToken}`,
      'Content-Type: application/octet-stream',
      ...lines,
    ),
  );
  return client;
}

/** `multipart/form-data` of these files. */
function form(boundary: string, ...files: readonly Buffer[]): Buffer {
  const parts = files.flatMap((file, index) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="f${index}"; filename="../../x"\r\n\r\n`),
    file,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}
