// The marker that OTTER_FIRMWARE(...) leaves in an image: its bytes, how it is found, and what is refused.

import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFirmwareMarker, MARKER_MAGIC } from '#protocol/device/firmware-marker.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { buildEspImage, descriptorBytes, withBytes } from '../support/esp-image-builder.ts';

const thermostat = encodeFirmwareMarker({ product: 'thermostat', version: '1.4.0' });
const boiler = encodeFirmwareMarker({ product: 'boiler', version: '1.4.0' });
const NUL = Buffer.alloc(4);

/** An image whose constants hold these bytes behind the descriptor. */
function imageWith(...parts: readonly Uint8Array[]): Buffer {
  const constants = Buffer.concat([descriptorBytes(), ...parts]);
  const data = Buffer.concat([constants, Buffer.alloc((4 - (constants.length % 4)) % 4)]);
  return buildEspImage({ segments: [{ loadAddress: 0x3c000020, data }] });
}

/** The marker with `bytes` at `offset` and a CRC that is right again. */
function changed(offset: number, bytes: Uint8Array | readonly number[]): Buffer {
  const marker = withBytes(thermostat, offset, bytes);
  marker.writeUInt32LE(crc32(marker.subarray(0, 84)), 84);
  return marker;
}

describe('the marker', () => {
  test('has the bytes that the document shows', () => {
    const page = readFileSync(new URL('../../docs/firmware-marker.md', import.meta.url), 'utf8');
    const shown = /```\n((?:[0-9a-f]{2}[ \n])+)```/.exec(page)?.[1];
    expect(shown?.trim().split(/\s+/).join('')).toBe(thermostat.toString('hex'));
  });

  test('is found at every offset divisible by 4, whatever it holds', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,30}$/);
    const number = fc.nat({ max: 99_999 });
    fc.assert(
      fc.property(name, number, number, number, fc.nat({ max: 40 }), (product, major, minor, patch, words) => {
        const marker = { product, version: `${major}.${minor}.${patch}-rc.1+b` };
        const image = imageWith(Buffer.alloc(words * 4, 0xb0), encodeFirmwareMarker(marker));
        expect(parseEspImage(image).marker).toEqual(marker);
      }),
    );
  });

  test('is not found where no compiler puts it: off alignment, or outside the segments', () => {
    expect(parseEspImage(imageWith(NUL.subarray(1), thermostat)).marker).toBeUndefined();
    expect(parseEspImage(imageWith()).marker).toBeUndefined();
  });

  test('may be there twice when both say the same', () => {
    expect(parseEspImage(imageWith(thermostat, NUL, thermostat)).marker).toEqual({
      product: 'thermostat',
      version: '1.4.0',
    });
  });

  test('is not found when a program holds the magic in two halves', () => {
    expect(parseEspImage(imageWith(MARKER_MAGIC.subarray(0, 8), NUL, MARKER_MAGIC.subarray(8))).marker).toBeUndefined();
  });
});

describe('an image is refused', () => {
  test.for([
    [
      'with two different markers',
      [thermostat, boiler],
      /is thermostat 1\.4\.0, and at offset 0x178 that it is boiler/,
    ],
    ['with a cut marker', [thermostat.subarray(0, 84)], /offset 0x120 is broken: only 84 of 88/],
    ['with the bare magic', [MARKER_MAGIC, Buffer.alloc(100, 0x55)], /format 85/],
    ['with a marker of a newer library', [changed(16, [2])], /format 2/],
    ['with a changed version and the old CRC', [withBytes(thermostat, 54, [0x35])], /its CRC is 0x/],
    ['with used reserved bytes', [changed(18, [7])], /reserved bytes are 000700/],
    ['with bytes behind the product', [changed(40, [0x41])], /product is not text padded/],
    ['with a product that does not end', [changed(20, Buffer.alloc(32, 0x61))], /product is not text padded/],
    ['with a product that is no name', [changed(20, Buffer.from('Thermo'))], /"Thermostat" is not a product name/],
    ['with a version that is not SemVer', [changed(52, Buffer.from('v1.40'))], /"v1.40" is not SemVer/],
  ] as const)('%s', ([, parts, message]) => {
    const image = imageWith(...parts);
    expect(() => parseEspImage(image)).toThrow(expect.objectContaining({ code: 'marker_invalid' }));
    expect(() => parseEspImage(image)).toThrow(message);
  });
});

test.for([
  [{ product: '', version: '1.4.0' }],
  [{ product: 'a'.repeat(32), version: '1.4.0' }],
  [{ product: '../x', version: '1.4.0' }],
  [{ product: 'thermostat', version: '1.4' }],
  [{ product: 'thermostat', version: `1.4.0-${'a'.repeat(26)}` }],
] as const)('no marker can be made of %j', ([marker]) => {
  expect(() => encodeFirmwareMarker(marker)).toThrow(expect.objectContaining({ code: 'marker_invalid' }));
});
