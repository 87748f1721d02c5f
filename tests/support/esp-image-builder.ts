// Builds small valid ESP32 images for tests, and breaks them. The parser never sees these functions; the format is written
// down here a second time on purpose, from ESP-IDF `esp_app_format.h` and `esp_app_desc.h`.

import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { encodeFirmwareMarker, type FirmwareMarker } from '#protocol/device/firmware-marker.ts';
import { resealEspImage } from '#simulator/images/esp-image-maker.ts';

type SegmentSpec = { readonly loadAddress: number; readonly data: Uint8Array };

export type ImageSpec = {
  readonly chipId?: number;
  readonly flashSizeCode?: number;
  readonly oldMinChipRevision?: number;
  readonly minChipRevision?: number;
  readonly maxChipRevision?: number;
  readonly descriptor?: DescriptorSpec | 'none';
  readonly marker?: FirmwareMarker | 'none';
  /** Text among the constants, such as what a program carries for its tests. */
  readonly constants?: string;
  /** Bytes of the code segment; a multiple of 4. */
  readonly code?: Uint8Array;
  /** Instead of the three usual segments (constants with descriptor and marker, RAM, code). */
  readonly segments?: readonly SegmentSpec[];
};

export type DescriptorSpec = {
  readonly version?: string;
  readonly projectName?: string;
  readonly idfVersion?: string;
  readonly secureVersion?: number;
  readonly elfSha256?: string;
};

const DROM_ADDRESS = 0x3c000020;
const DRAM_ADDRESS = 0x3fc90000;
const IROM_ADDRESS = 0x42000020;
const SECTOR_BYTES = 4096;

/** A whole image; by default for the ESP32-S3, with descriptor, without marker. */
export function buildEspImage(spec: ImageSpec = {}): Buffer {
  const segments = spec.segments ?? usualSegments(spec);
  const header = Buffer.alloc(24);
  header.set([0xe9, segments.length, 2, ((spec.flashSizeCode ?? 2) << 4) | 0xf]);
  header.writeUInt32LE(IROM_ADDRESS, 4);
  header.writeUInt8(0xee, 8);
  header.writeUInt16LE(spec.chipId ?? 0x0009, 12);
  header.writeUInt8(spec.oldMinChipRevision ?? 0, 14);
  header.writeUInt16LE(spec.minChipRevision ?? 0, 15);
  header.writeUInt16LE(spec.maxChipRevision ?? 0xffff, 17);
  header.writeUInt8(1, 23);
  return resealEspImage(Buffer.concat([header, ...segments.map(encodeSegment)]));
}

/** 256 bytes of `esp_app_desc_t`. */
export function descriptorBytes(spec: DescriptorSpec = {}): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(0xabcd5432, 0);
  bytes.writeUInt32LE(spec.secureVersion ?? 0, 4);
  bytes.write(spec.version ?? '1.4.0', 16);
  bytes.write(spec.projectName ?? 'thermostat', 48);
  bytes.write('10:20:30', 80);
  bytes.write('Nov 23 2026', 96);
  bytes.write(spec.idfVersion ?? 'v5.5.5', 112);
  bytes.write(spec.elfSha256 ?? 'a5'.repeat(32), 144, 'hex');
  return bytes;
}

/** A copy with `bytes` at `offset`, not sealed again. */
export function withBytes(image: Uint8Array, offset: number, bytes: Uint8Array | readonly number[]): Buffer {
  const copy = Buffer.from(image);
  copy.set(bytes, offset);
  return copy;
}

/** The image as `espsecure sign-data --version 2` leaves it, with a made-up signature. */
export function withSignatureSector(image: Uint8Array, blocks = 1): Buffer {
  const padding = Buffer.alloc((SECTOR_BYTES - (image.length % SECTOR_BYTES)) % SECTOR_BYTES, 0xff);
  const signed = Buffer.concat([image, padding]);
  const block = Buffer.alloc(1216);
  block.set([0xe7, 2]);
  block.set(hash('sha256', signed, 'buffer'), 4);
  block.fill(0x5a, 36, 1196);
  block.writeUInt32LE(crc32(block.subarray(0, 1196)), 1196);
  const sector = Buffer.alloc(SECTOR_BYTES, 0xff);
  for (let index = 0; index < blocks; index += 1) block.copy(sector, index * block.length);
  return Buffer.concat([signed, sector]);
}

/** As `espsecure sign-data --version 1` leaves it, with a made-up signature. */
export function secureBootV1Signed(image: Uint8Array): Buffer {
  return Buffer.concat([image, Buffer.alloc(4), hash('sha512', image, 'buffer')]);
}

/** As `bin_signing.py` of arduino-esp32 leaves it, with a made-up signature. */
export function arduinoSigned(image: Uint8Array, key: 'ecdsa' | 'rsa-2048' | 'rsa-4096'): Buffer {
  const noise = Buffer.concat(Array.from({ length: 8 }, (_, index) => hash('sha512', `${index}`, 'buffer')));
  const trailer = Buffer.alloc(512);
  if (key === 'ecdsa') Buffer.concat([Buffer.from([0x30, 68]), noise.subarray(0, 68)]).copy(trailer);
  else noise.copy(trailer, 0, 0, key === 'rsa-2048' ? 256 : 512);
  return Buffer.concat([image, trailer]);
}

export interface PartitionSpec {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A partition table as `gen_esp32part.py` writes it, without its MD5. */
export function partitionTable(partitions: readonly PartitionSpec[]): Buffer {
  return Buffer.concat(
    partitions.map(({ label, type, subtype, offset, sizeBytes }) => {
      const entry = Buffer.alloc(32);
      entry.set([0xaa, 0x50, type, subtype]);
      entry.writeUInt32LE(offset, 4);
      entry.writeUInt32LE(sizeBytes, 8);
      entry.write(label, 12);
      return entry;
    }),
  );
}

/** A flash of this size with these parts; 0xFF between them. */
export function flashFile(sizeBytes: number, parts: readonly (readonly [at: number, bytes: Uint8Array])[]): Buffer {
  const flash = Buffer.alloc(sizeBytes, 0xff);
  for (const [at, bytes] of parts) flash.set(bytes, at);
  return flash;
}

function usualSegments(spec: ImageSpec): readonly SegmentSpec[] {
  const descriptor = spec.descriptor === 'none' ? Buffer.alloc(256, 0x11) : descriptorBytes(spec.descriptor);
  const marker =
    spec.marker === undefined || spec.marker === 'none' ? Buffer.alloc(0) : encodeFirmwareMarker(spec.marker);
  const constants = Buffer.from(spec.constants ?? 'constants...');
  const alignment = Buffer.alloc((4 - (constants.length % 4)) % 4);
  return [
    { loadAddress: DROM_ADDRESS, data: Buffer.concat([descriptor, constants, alignment, marker]) },
    { loadAddress: DRAM_ADDRESS, data: Buffer.alloc(20, 0x22) },
    { loadAddress: IROM_ADDRESS, data: spec.code ?? Buffer.alloc(64, 0x33) },
  ];
}

function encodeSegment({ loadAddress, data }: SegmentSpec): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(loadAddress, 0);
  header.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, data]);
}
