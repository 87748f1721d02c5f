// What the parser reads from an application image, and that it agrees with Espressif's own reader on real ones.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { loadFirmwareImage } from 'esptool-js/lib/image/index.js';
import { ESP32ROM } from 'esptool-js/lib/targets/esp32.js';
import { ESP32C3ROM } from 'esptool-js/lib/targets/esp32c3.js';
import { ESP32S3ROM } from 'esptool-js/lib/targets/esp32s3.js';
import { describe, expect, test, vi } from 'vitest';
import { CHIP_NAMES } from '#protocol/device/chips.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { readLayout } from '#server/esp-image/image-layout.ts';
import { resealEspImage } from '#simulator/images/esp-image-maker.ts';
import { buildEspImage, withBytes, withSignatureSector } from '../support/esp-image-builder.ts';

const ESPRUINO = new URL(
  '../../node_modules/espruino-create-project/firmware/esp32/espruino_esp32.bin',
  import.meta.url,
);
const REAL_FIRMWARE = new URL('../../../shared/firmware/', import.meta.url);

describe('an application image', () => {
  test('is read with chip, size, revisions, descriptor and marker', () => {
    const image = buildEspImage({
      chipId: 0x0005,
      flashSizeCode: 4,
      minChipRevision: 3,
      maxChipRevision: 199,
      descriptor: { version: '1.4.0-rc.1', projectName: 'boiler', idfVersion: 'v5.5.5', secureVersion: 7 },
      marker: { product: 'thermostat', version: '1.4.0' },
    });
    expect(parseEspImage(image)).toEqual({
      chip: 'esp32c3',
      chipId: 5,
      sizeBytes: image.length,
      sha256: hash('sha256', image),
      appendedSha256: image.toString('hex', image.length - 32),
      segmentCount: 3,
      flashSizeBytes: 16 * 1_048_576,
      minChipRevision: 3,
      maxChipRevision: 199,
      descriptor: {
        version: '1.4.0-rc.1',
        projectName: 'boiler',
        idfVersion: 'v5.5.5',
        secureVersion: 7,
        elfSha256: 'a5'.repeat(32),
        compiledAt: 'Nov 23 2026 10:20:30',
      },
      marker: { product: 'thermostat', version: '1.4.0' },
    });
  });

  test.for([...CHIP_NAMES])('with chip number %i is for the %s', ([chipId, chip]) => {
    expect(parseEspImage(buildEspImage({ chipId })).chip).toBe(chip);
  });

  test('may lie anywhere in a larger buffer', () => {
    const image = buildEspImage();
    const larger = new Uint8Array(image.length + 20);
    larger.set(image, 7);
    expect(parseEspImage(larger.subarray(7, 7 + image.length)).sha256).toBe(hash('sha256', image));
  });

  test('without an ELF digest has none, not one of zeros', () => {
    const image = buildEspImage({ descriptor: { elfSha256: '00'.repeat(32) } });
    expect(parseEspImage(image).descriptor?.elfSha256).toBeUndefined();
  });

  test('of an old build without descriptor is accepted when it runs from flash', () => {
    expect(parseEspImage(buildEspImage({ descriptor: 'none' })).descriptor).toBeUndefined();
  });

  test('of an old build states its revision as minor on the ESP32-C3 and as major elsewhere', () => {
    expect(parseEspImage(buildEspImage({ chipId: 0x0005, oldMinChipRevision: 3 })).minChipRevision).toBe(3);
    expect(parseEspImage(buildEspImage({ chipId: 0x0009, oldMinChipRevision: 3 })).minChipRevision).toBe(300);
    expect(parseEspImage(buildEspImage({ oldMinChipRevision: 3, minChipRevision: 102 })).minChipRevision).toBe(102);
  });

  test.for([0, 0xffff])('with highest revision %i has no limit', (maxChipRevision) => {
    expect(parseEspImage(buildEspImage({ maxChipRevision })).maxChipRevision).toBeUndefined();
  });

  test('with a flash size that no chip defines has none', () => {
    expect(parseEspImage(buildEspImage({ flashSizeCode: 8 })).flashSizeBytes).toBeUndefined();
    expect(parseEspImage(buildEspImage({ flashSizeCode: 7 })).flashSizeBytes).toBe(128 * 1_048_576);
  });

  test.for([1, 2, 3])('with %i Secure Boot V2 signatures is accepted whole', (blocks) => {
    const signed = withSignatureSector(buildEspImage(), blocks);
    expect(parseEspImage(signed)).toMatchObject({ sizeBytes: signed.length, sha256: hash('sha256', signed) });
  });

  test('that is sealed again after a change is accepted', () => {
    const changed = withBytes(buildEspImage(), 0x30, Buffer.from('9.9.9\0'));
    expect(() => parseEspImage(changed)).toThrow(/checksum/);
    expect(parseEspImage(resealEspImage(changed)).descriptor?.version).toBe('9.9.9');
  });
});

describe('against esptool-js', () => {
  test('the image of Espruino, which has no descriptor, is read alike', async () => {
    const bytes = readFileSync(ESPRUINO);
    await expectAgreement(bytes);
    expect(parseEspImage(bytes)).toMatchObject({ chip: 'esp32', descriptor: undefined, marker: undefined });
  });

  const names = existsSync(REAL_FIRMWARE) ? readdirSync(REAL_FIRMWARE).filter((name) => name.endsWith('.bin')) : [];
  const images = names.filter((name) => !name.includes('merged'));
  test.skipIf(images.length === 0)('real images (skipped: ../shared/firmware is not there)', async () => {
    expect.hasAssertions();
    for (const name of images) await expectAgreement(readFileSync(new URL(name, REAL_FIRMWARE)));
  });

  test.skipIf(names.length === 0)('a real merged image is refused (skipped: ../shared/firmware is not there)', () => {
    const merged = names.filter((name) => name.includes('merged'));
    expect(merged).not.toEqual([]);
    for (const name of merged) {
      expect(() => parseEspImage(readFileSync(new URL(name, REAL_FIRMWARE)))).toThrow(
        expect.objectContaining({ code: 'merged_image' }),
      );
    }
  });
});

/** esptool-js warns of every flash segment and computes no digest of its own that holds, so that is left out. */
async function expectAgreement(bytes: Buffer): Promise<void> {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const image = parseEspImage(bytes);
  const roms = { esp32: ESP32ROM, esp32c3: ESP32C3ROM, esp32s3: ESP32S3ROM };
  const rom = Object.entries(roms).find(([chip]) => chip === image.chip)?.[1];
  if (rom === undefined) throw new Error(`no esptool-js target for ${image.chip}`);
  const theirs = await loadFirmwareImage(new rom(), bytes);
  warn.mockRestore();
  const layout = readLayout(bytes);
  expect(theirs).toMatchObject({ chipId: image.chipId, checksum: bytes[layout.checksumAt] });
  expect(theirs.segments.map(({ addr, data }) => [addr >>> 0, data.length])).toEqual(
    layout.segments.map(({ loadAddress, sizeBytes }) => [loadAddress, sizeBytes]),
  );
  expect(image.segmentCount).toBe(theirs.segments.length);
}
