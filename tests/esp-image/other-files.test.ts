// Files that people upload instead of an application image, each told by its name; signed images, which are accepted; and what is
// inside of a merged image.

import { hash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, OtterError } from '#protocol/errors.ts';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { extractApp } from '#server/esp-image/flash-image.ts';
import {
  arduinoSigned,
  buildEspImage,
  flashFile,
  partitionTable,
  secureBootV1Signed,
  withBytes,
  withSignatureSector,
} from '../support/esp-image-builder.ts';

const INPUTS = new URL('../../../shared/inputs/', import.meta.url);
const REAL_FIRMWARE = new URL('../../../shared/firmware/', import.meta.url);
const BOOTLOADER = readFileSync(
  new URL('../../node_modules/espruino-create-project/firmware/esp32/bootloader.bin', import.meta.url),
);
const image = buildEspImage({ chipId: 0, descriptor: { version: '1.4.0', projectName: 'thermostat' } });

function refusalOf(bytes: Buffer): OtterError {
  try {
    parseEspImage(bytes);
  } catch (error) {
    if (error instanceof OtterError) return error;
    throw error;
  }
  throw new Error(`accepted ${bytes.length} bytes`);
}

/** A sector of 0xFF with these bytes at these offsets. */
function sector(...parts: readonly (readonly [at: number, bytes: Buffer | string])[]): Buffer {
  const bytes = Buffer.alloc(4096, 0xff);
  for (const [at, part] of parts) Buffer.from(part).copy(bytes, at);
  return bytes;
}

function spiffs(blocks: number): Buffer {
  const bytes = Buffer.alloc(blocks * 4096, 0xff);
  for (let block = 0; block < blocks; block += 1)
    bytes.writeUInt16LE((0x20140529 ^ 256 ^ (blocks - block)) & 0xffff, block * 4096 + 252);
  return bytes;
}

function fat(): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('MSDOS5.0', 3);
  bytes.write('FAT12   ', 54);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

/** An ESP8266 image: its segments follow a header of 8 bytes. */
function esp8266(loadAddress: number): Buffer {
  const bytes = Buffer.alloc(600, 0x11);
  bytes.set([0xe9, 1, 2, 0x40]);
  bytes.writeUInt32LE(0x40100004, 4);
  bytes.writeUInt32LE(loadAddress, 8);
  bytes.writeUInt32LE(512, 12);
  return bytes;
}

const ram = (bytes: number) => ({ loadAddress: 0x40380000, data: Buffer.alloc(bytes) });
const descriptor = { loadAddress: 0x3fc98000, data: Buffer.from(image.subarray(32, 32 + 256)) };

const FILES: readonly (readonly [name: string, bytes: Buffer, code: ErrorCode, message: RegExp])[] = [
  ['an ESP8266 image of instruction RAM', esp8266(0x40100000), 'esp8266_image', /ESP8266/],
  ['an ESP8266 image of flash', esp8266(0x40210010), 'esp8266_image', /ESP8266/],
  ['an ESP8266 image of data', esp8266(0x3ffe8000), 'esp8266_image', /ESP8266/],
  [
    'an ESP8266 image of the second format',
    Buffer.concat([Buffer.from([0xea, 4]), Buffer.alloc(600)]),
    'esp8266_image',
    /ESP8266/,
  ],
  [
    'a program that runs from RAM',
    buildEspImage({ chipId: 5, segments: [ram(400), descriptor] }),
    'ram_image',
    /runs from RAM/,
  ],
  [
    'the same with its descriptor first',
    buildEspImage({ chipId: 5, segments: [descriptor, ram(400)] }),
    'ram_image',
    /runs from RAM/,
  ],
  [
    'a large program that runs from RAM',
    buildEspImage({ chipId: 5, segments: [ram(70_000)] }),
    'ram_image',
    /runs from RAM/,
  ],
  ['LittleFS', sector([8, 'littlefs']), 'filesystem_image', /LittleFS/],
  ['LittleFS in its second block', Buffer.concat([sector(), sector([8, 'littlefs'])]), 'filesystem_image', /LittleFS/],
  ['SPIFFS', spiffs(16), 'filesystem_image', /SPIFFS/],
  ['FAT', fat(), 'filesystem_image', /FAT/],
  ['FAT behind the layer that spreads writes', Buffer.concat([sector(), fat()]), 'filesystem_image', /FAT/],
  ['NVS', sector([0, Buffer.from('feffffff00000000fe', 'hex')]), 'filesystem_image', /NVS/],
  ['MCUboot', Buffer.concat([Buffer.from('3db8f396', 'hex'), image]), 'mcuboot_image', /MCUboot/],
  ['a patch of esp_delta_ota', Buffer.concat([Buffer.from('10decdfc', 'hex'), image]), 'delta_patch', /esp_delta_ota/],
  ['a patch of bsdiff', Buffer.from('BSDIFF40........'), 'delta_patch', /bsdiff/],
  ['a pre-encrypted image', Buffer.concat([Buffer.from('cfb68807', 'hex'), image]), 'encrypted_image', /pre-encrypted/],
  ['an encrypted image', withBytes(randomBytes(8192), 0, [0x55]), 'encrypted_image', /looks random/],
  [
    'a Git LFS pointer',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:aa\n'),
    'lfs_pointer',
    /LFS/,
  ],
  ['a login page', Buffer.from('<!DOCTYPE html><html><body>Login'), 'html_page', /HTML/],
  ['a page after blanks and a mark', Buffer.from('\uFEFF\r\n <HTML lang="en">'), 'html_page', /HTML/],
  ['an error of a storage service', Buffer.from('<?xml version="1.0"?><Error>'), 'html_page', /XML/],
  ['gzip', gzipSync(image), 'compressed_image', /gzip/],
  ['ZIP', Buffer.from('PK\u0003\u0004.....'), 'compressed_image', /ZIP/],
  ['tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(250)]), 'compressed_image', /tar/],
];

describe('a file is told by its name', () => {
  test.for(FILES)('%s', ([, bytes, code, message]) => {
    const error = refusalOf(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint.length).toBeGreaterThan(20);
  });

  test('but an application that holds random data is none that is encrypted', () => {
    const code = randomBytes(8192);
    expect(parseEspImage(buildEspImage({ code })).signature).toBeUndefined();
  });
});

describe('a signed image is accepted whole', () => {
  test.each([
    { signature: 'Secure Boot V1', signed: secureBootV1Signed(image) },
    { signature: 'Secure Boot V2', signed: withSignatureSector(image, 2) },
    { signature: 'Arduino', signed: arduinoSigned(image, 'ecdsa') },
    { signature: 'Arduino', signed: arduinoSigned(image, 'rsa-2048') },
    { signature: 'Arduino', signed: arduinoSigned(image, 'rsa-4096') },
  ])('$signature, $signed.length bytes', ({ signature, signed }) => {
    expect(parseEspImage(signed)).toMatchObject({
      signature,
      sizeBytes: signed.length,
      sha256: hash('sha256', signed),
      appendedSha256: image.toString('hex', image.length - 32),
    });
  });

  test.each([
    { what: '68 bytes of 0xFF', rest: Buffer.alloc(68, 0xff) },
    { what: '68 zeros', rest: Buffer.alloc(68) },
    { what: 'a Secure Boot V1 signature of another version', rest: withBytes(randomBytes(68), 0, [1, 0, 0, 0]) },
    { what: '512 zeros', rest: Buffer.alloc(512) },
    { what: '512 bytes that begin like nothing', rest: withBytes(Buffer.alloc(512), 0, [0x31, 1, 2, 3]) },
    { what: '511 bytes', rest: withBytes(randomBytes(511), 0, [0x77]) },
  ])('but not with $what behind it', ({ rest }) => {
    expect(refusalOf(Buffer.concat([image, rest])).code).toBe('image_trailing');
  });
});

describe('a merged image', () => {
  const table = partitionTable([
    { label: 'nvs', type: 1, subtype: 2, offset: 0x9000, sizeBytes: 0x5000 },
    { label: 'app0', type: 0, subtype: 0x10, offset: 0x10000, sizeBytes: 0x20000 },
    { label: 'app1', type: 0, subtype: 0x11, offset: 0x30000, sizeBytes: 0x20000 },
    { label: 'spiffs', type: 1, subtype: 0x82, offset: 0x50000, sizeBytes: 0x10000 },
  ]);
  const merged = (bootloaderAt: number, app: Buffer, bytes = 0x30000): Buffer =>
    flashFile(bytes, [
      [bootloaderAt, BOOTLOADER],
      [0x8000, table],
      [0x10000, app],
    ]);

  test.each([0, 0x1000, 0x2000])(
    'with its bootloader at %i is told with what is inside, and how to cut it out',
    (at) => {
      const { code, message, hint } = refusalOf(merged(at, image));
      expect(code).toBe('merged_image');
      expect(message).toMatch(
        /partition table at 0x8000, nvs at 0x9000, app0 at 0x10000 \(the application for esp32 thermostat 1\.4\.0\), app1 at 0x30000 \(not in the file\)/,
      );
      expect(hint).toContain('--extract app');
      expect(hint).toContain(`tail -c +65537 FILE | head -c ${image.length} > app.bin`);
    },
  );

  test('that is larger than any image is told all the same', () => {
    expect(refusalOf(merged(0, image, MAX_IMAGE_BYTES + 4096)).code).toBe('merged_image');
  });

  test.each([
    { what: 'unsigned', app: image },
    { what: 'signed for Secure Boot V1', app: secureBootV1Signed(image) },
    { what: 'signed for Secure Boot V2', app: withSignatureSector(image) },
  ])('gives its application back, $what, byte for byte', ({ app }) => {
    expect(extractApp(merged(0x1000, app), 'app').equals(app)).toBe(true);
    expect(extractApp(merged(0, app), 'app0').equals(app)).toBe(true);
  });

  test('says which applications it has where another is asked for', () => {
    expect(() => extractApp(merged(0, image), 'app1')).toThrow(
      expect.objectContaining({ code: 'merged_image', hint: expect.stringContaining('app0') }),
    );
    const empty = flashFile(0x30000, [
      [0, BOOTLOADER],
      [0x8000, table],
    ]);
    expect(() => extractApp(empty, 'app')).toThrow(/holds no application/);
  });

  test('is not what an application is: that is given as it is', () => {
    expect(extractApp(image, 'app')).toBe(image);
  });
});

describe.skipIf(!existsSync(INPUTS))('files that people have (skipped where ../shared/inputs is not there)', () => {
  const expected: Readonly<Record<string, string>> = {
    'captive.html.bin': 'html_page',
    'git-lfs-pointer.bin': 'lfs_pointer',
    'hello-ESP32_C3.bin': 'esp32c3',
    'hello-ESP32_H2.bin': 'esp32h2',
    'hello-ESP8266.bin': 'esp8266_image',
    'littlefs.bin': 'filesystem_image',
    'ramapp-ESP32_C3.bin': 'ram_image',
    'sbv1.bin': 'esp32',
    'ver-1.2.3.4.bin': 'esp32',
    'ver-2026.01.05.bin': 'esp32',
    'ver-v1.2.3-4-gabcdef0-dirty.bin': 'esp32',
  };
  const names = existsSync(INPUTS) ? readdirSync(INPUTS).filter((name) => name.endsWith('.bin')) : [];

  test.each(names)('%s', (name) => {
    const bytes = readFileSync(new URL(name, INPUTS));
    const found = (expected[name] ?? '').startsWith('esp32') ? parseEspImage(bytes).chip : refusalOf(bytes).code;
    expect(found).toBe(expected[name]);
  });

  test('a real merged image gives back the application that was published beside it', () => {
    const read = (name: string): Buffer => readFileSync(new URL(name, REAL_FIRMWARE));
    const app = extractApp(read('nina-1.4.8-merged-factory-image.bin'), 'app');
    expect(parseEspImage(app)).toMatchObject({ chip: 'esp32' });
    expect(app.equals(read('nina-1.4.8-esp32.bin'))).toBe(true);
  });
});
