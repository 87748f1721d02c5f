// Every kind of file that is no whole application image is refused by its own code, with the value in the message and
// what to do in the hint; and no changed byte is ever accepted.

import { readFileSync } from 'node:fs';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, OtterError } from '#protocol/errors.ts';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { resealEspImage } from '#simulator/images/esp-image-maker.ts';
import { buildEspImage, descriptorBytes, withBytes, withSignatureSector } from '../support/esp-image-builder.ts';

const BOOTLOADER = readFileSync(
  new URL('../../node_modules/espruino-create-project/firmware/esp32/bootloader.bin', import.meta.url),
);
const PARTITIONS = readFileSync(
  new URL('../../node_modules/espruino-create-project/firmware/esp32/partitions_espruino.bin', import.meta.url),
);
const image = buildEspImage({ marker: { product: 'thermostat', version: '1.4.0' } });
const withoutDescriptor = buildEspImage({ descriptor: 'none' });
const signed = withSignatureSector(image);
const hashAt = image.length - 32;

/** Bootloader at `bootloaderAt`, partition table at 0x8000, application at 0x10000, 0xFF between. */
function flashImage(bootloader: Buffer, bootloaderAt: number, tableAt = 0x8000): Buffer {
  const flash = Buffer.alloc(0x20000, 0xff);
  bootloader.copy(flash, bootloaderAt);
  PARTITIONS.copy(flash, tableAt);
  image.copy(flash, 0x10000);
  return flash;
}

type Refusal = readonly [what: string, bytes: Uint8Array, code: ErrorCode, message: RegExp, hint: RegExp];

const refusals: readonly Refusal[] = [
  ['nothing', Buffer.alloc(0), 'empty_image', /0 bytes/, /firmware\.bin/],
  ['one byte E9', Buffer.from([0xe9]), 'image_truncated', /1 bytes.*288/, /again/],
  ['text', Buffer.from('hello'), 'not_esp_image', /byte 0x68/, /firmware\.bin/],
  ['an erased flash', Buffer.alloc(0x3000, 0xff), 'not_esp_image', /byte 0xFF/, /firmware\.bin/],
  ['ELF', Buffer.from('\x7fELF\x01\x01'), 'elf_not_bin', /ELF/, /not the \.elf.*firmware\.bin.*\.ino\.bin/],
  ['UF2', Buffer.from('UF2\n____'), 'uf2_not_bin', /UF2/, /firmware\.bin/],
  ['Intel HEX', Buffer.from(':10010000214601360121470136007EFE09D2190140\n'), 'hex_not_bin', /HEX/, /firmware\.bin/],
  ['gzip', gzipSync(image), 'compressed_image', /gzip/, /Unpack/],
  ['zlib', deflateSync(image), 'compressed_image', /zlib/, /Unpack/],
  ['Zstandard', zstdCompressSync(image), 'compressed_image', /Zstandard/, /Unpack/],
  ['ZIP', Buffer.from('PK\x03\x04____'), 'compressed_image', /ZIP/, /Unpack/],
  ['a partition table', PARTITIONS, 'partition_table', /partition table/, /firmware\.bin/],
  ['a bootloader', BOOTLOADER, 'bootloader_image', /none of its 4 segments/, /firmware\.bin/],
  ['an ESP32 flash image', flashImage(BOOTLOADER, 0x1000), 'merged_image', /offset 0x1000/, /merged\.bin/],
  ['an ESP32-P4 flash image', flashImage(BOOTLOADER, 0x2000), 'merged_image', /offset 0x2000/, /merged\.bin/],
  ['an ESP32-S3 flash image', flashImage(BOOTLOADER, 0), 'merged_image', /offset 0x20.*at 0x8000/, /merged\.bin/],
  ['a flash image, moved table', flashImage(BOOTLOADER, 0, 0x9000), 'merged_image', /at 0x9000/, /merged\.bin/],
  ['too many bytes', Buffer.alloc(MAX_IMAGE_BYTES + 1, 0xe9), 'image_too_large', /4089447.*4089446/, /merged/],
  ['no segments', withBytes(image, 1, [0]), 'segment_invalid', /counts 0/, /Build/],
  ['17 segments', withBytes(image, 1, [17]), 'segment_invalid', /counts 17/, /Build/],
  ['an odd segment length', withBytes(image, 28, [0x65]), 'segment_invalid', /offset 0x1C.*multiple of 4/, /Build/],
  ['a segment of 4 GiB', withBytes(image, 28, [0xfc, 0xff, 0xff, 0xff]), 'image_truncated', /segment 0 \(429/, /again/],
  ['a file cut in a segment', image.subarray(0, 400), 'image_truncated', /byte 400 .*segment/, /again/],
  [
    'a file cut before the checksum',
    image.subarray(0, hashAt - 1),
    'image_truncated',
    /1 bytes before.*checksum/,
    /again/,
  ],
  ['a file without its last byte', image.subarray(0, -1), 'image_truncated', /1 bytes before.*SHA-256/, /again/],
  [
    'a wrong checksum',
    withBytes(image, hashAt - 1, [image.readUInt8(hashAt - 1) ^ 1]),
    'checksum',
    /offset 0x/,
    /Build/,
  ],
  ['a wrong SHA-256', withBytes(image, hashAt, [image.readUInt8(hashAt) ^ 1]), 'image_hash', /offset 0x/, /Build/],
  ['no appended SHA-256', withBytes(image, 23, [0]), 'image_hash_missing', /0x17 is 0x00/, /dont-append-digest/],
  ['chip 0x00FF', withBytes(image, 12, [0xff]), 'chip_unknown', /chip 0xFF.*esp32s3/, /Build for/],
  [
    'one byte behind the image',
    Buffer.concat([image, Buffer.alloc(1)]),
    'image_trailing',
    /1 bytes follow/,
    /appended/,
  ],
  ['padding to a sector only', signed.subarray(0, 4096), 'image_trailing', /ends at 0x1000, not at 0x2000/, /appended/],
  [
    'a signature behind other padding',
    withBytes(signed, 4000, [0]),
    'image_trailing',
    /padding up to 0x1000/,
    /append/,
  ],
  ['a signature without magic', withBytes(signed, 4096, [0]), 'image_trailing', /0x00, not 0xE7/, /appended/],
  ['a damaged signature', withBytes(signed, 5000, [0]), 'image_trailing', /at 0x1000 has a wrong CRC/, /appended/],
  ['a signature and more', withBytes(signed, 8191, [0]), 'image_trailing', /not 0xFF from 0x14C0/, /appended/],
  [
    'a signature of another image',
    Buffer.concat([withSignatureSector(withoutDescriptor).subarray(0, 4096), signed.subarray(4096)]),
    'image_trailing',
    /of another image/,
    /appended/,
  ],
  [
    'a descriptor text without end',
    resealEspImage(withBytes(image, 0x30, Buffer.alloc(32, 0x41))),
    'descriptor_invalid',
    /version .*offset 0x30.*4141/,
    /31 characters/,
  ],
  [
    'a binary descriptor text',
    resealEspImage(withBytes(image, 0x50, [0x1b])),
    'descriptor_invalid',
    /project name .*offset 0x50.*1b/,
    /ASCII/,
  ],
  [
    'a descriptor cut short',
    buildEspImage({
      segments: [
        { loadAddress: 0x3c000020, data: descriptorBytes().subarray(0, 128) },
        { loadAddress: 0x42000020, data: Buffer.alloc(128) },
      ],
    }),
    'descriptor_invalid',
    /128 bytes.*256/,
    /build again/,
  ],
];

describe('the parser refuses', () => {
  test.for(refusals)('%s', ([, bytes, code, message, hint]) => {
    const error = refusalOf(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test('a bootloader of every chip that keeps its code in RAM, not an application that runs from flash', () => {
    const ram = { loadAddress: 0x4037c000, data: Buffer.alloc(400) };
    expect(refusalOf(buildEspImage({ chipId: 0x0005, segments: [ram] })).code).toBe('bootloader_image');
    const flash = { loadAddress: 0x42000020, data: Buffer.alloc(4) };
    expect(parseEspImage(buildEspImage({ chipId: 0x0005, segments: [ram, flash] })).chip).toBe('esp32c3');
  });
});

describe('no changed byte is accepted', () => {
  const original = fc.constantFrom(image, withoutDescriptor, signed, withSignatureSector(withoutDescriptor, 3));

  test('when bytes differ', () => {
    fc.assert(
      fc.property(
        original,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 }),
        (bytes, changes) => {
          const changed = Buffer.from(bytes);
          for (const [at, flip] of changes) changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ flip;
          fc.pre(!changed.equals(bytes));
          expect(refusalOf(changed)).toBeInstanceOf(OtterError);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('when the file is cut anywhere, but for a signature sector cut off whole', () => {
    for (const bytes of [image, withoutDescriptor]) {
      for (let length = 0; length < bytes.length; length += 1) refusalOf(bytes.subarray(0, length));
    }
    for (let length = image.length + 1; length < signed.length; length += 7) refusalOf(signed.subarray(0, length));
    expect(parseEspImage(signed.subarray(0, image.length)).segmentCount).toBe(3);
  });

  test('when a header field holds any value and both sums are right, only an OtterError comes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x130 }), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, bytes) => {
        const changed = withBytes(image, at, bytes);
        let resealed: Buffer;
        try {
          resealed = resealEspImage(changed);
        } catch {
          resealed = changed;
        }
        expect(() => tryParse(resealed)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  test('when the file is random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(refusalOf(bytes)).toBeInstanceOf(OtterError);
        expect(refusalOf(Buffer.concat([Buffer.from([0xe9]), bytes]))).toBeInstanceOf(OtterError);
      }),
    );
  });
});

/** The refusal; fails when the bytes are accepted or when anything but an OtterError comes. */
function refusalOf(bytes: Uint8Array): OtterError {
  const error = tryParse(bytes);
  if (error === undefined) throw new Error(`accepted ${bytes.length} bytes`);
  return error;
}

function tryParse(bytes: Uint8Array): OtterError | undefined {
  try {
    parseEspImage(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof OtterError) return error;
    throw error;
  }
}
