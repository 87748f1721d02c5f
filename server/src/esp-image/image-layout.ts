// Header and segment table of an ESP32 image, as far as they can be believed: every length is compared with what is left
// of the file before it is used. Never looks into the segments. Source: ESP-IDF `esp_app_format.h`, `esp_image_format.c`.

import { CHIP_NAMES } from '#protocol/device/chips.ts';
import { OtterError } from '#protocol/errors.ts';
import { hex } from './hex.ts';

/** Where one segment's data lies in the file and where the chip loads or maps it. Sizes and offsets in bytes. */
export type Segment = { readonly loadAddress: number; readonly offset: number; readonly sizeBytes: number };

/** What the image header says of the chip that may run it. */
export type ImageHeader = {
  readonly chip: string;
  readonly chipId: number;
  /** Undefined for a code that no chip defines. */
  readonly flashSizeBytes: number | undefined;
  /** major * 100 + minor; 0 means any. */
  readonly minChipRevision: number;
  /** major * 100 + minor; undefined means no limit. */
  readonly maxChipRevision: number | undefined;
};

export type ImageLayout = {
  readonly header: ImageHeader;
  /** The header's `hash_appended`: 1 when a SHA-256 follows the checksum. */
  readonly hashAppended: number;
  readonly segments: readonly Segment[];
  /** Offset of the checksum byte: the last of the 16-byte block behind the segments. Always inside the file. */
  readonly checksumAt: number;
};

const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const MAX_SEGMENTS = 16;
const CHECKSUM_BLOCK_BYTES = 16;
const LARGEST_FLASH_CODE = 7;
const NO_REVISION_LIMIT = 0xffff;
const ESP32_C3 = 0x0005;

export const REBUILD_HINT = 'Build the firmware again and upload the new .bin; do not edit or cut the file.';
const COPY_HINT = 'The copy is incomplete. Copy or download the file again, or build it again.';

/** Reads the layout. Throws `image_truncated`, `segment_invalid` or `chip_unknown`. */
export function readLayout(file: Buffer): ImageLayout {
  if (file.length < HEADER_BYTES) {
    throw new OtterError(
      'image_truncated',
      `The file ends at byte ${file.length}, inside the ${HEADER_BYTES}-byte image header.`,
      COPY_HINT,
    );
  }
  const segments = readSegments(file);
  return {
    header: readHeader(file),
    hashAppended: file.readUInt8(23),
    segments,
    checksumAt: findChecksum(file, segments),
  };
}

/** The error for a file that ends before `what`, which would need `missing` more bytes. */
export function truncated(file: Buffer, what: string, missing: number): OtterError {
  return new OtterError(
    'image_truncated',
    `The file ends at byte ${file.length} (${hex(file.length)}), ${missing} bytes before the end of ${what}.`,
    COPY_HINT,
  );
}

function readHeader(file: Buffer): ImageHeader {
  const chipId = file.readUInt16LE(12);
  const flashSizeCode = file.readUInt8(3) >> 4;
  // Older builds fill only the one-byte field: a minor revision on the ESP32-C3, a major one elsewhere.
  const oldMinRevision = file.readUInt8(14) * (chipId === ESP32_C3 ? 1 : 100);
  const maxRevision = file.readUInt16LE(17);
  return {
    chip: chipName(chipId),
    chipId,
    flashSizeBytes: flashSizeCode > LARGEST_FLASH_CODE ? undefined : 1_048_576 << flashSizeCode,
    minChipRevision: file.readUInt16LE(15) || oldMinRevision,
    maxChipRevision: maxRevision === 0 || maxRevision === NO_REVISION_LIMIT ? undefined : maxRevision,
  };
}

function readSegments(file: Buffer): readonly Segment[] {
  const count = file.readUInt8(1);
  if (count < 1 || count > MAX_SEGMENTS) {
    throw segmentInvalid(
      `The image header counts ${count} segments at offset 0x01; an image has 1 to ${MAX_SEGMENTS}.`,
    );
  }
  const segments: Segment[] = [];
  let at = HEADER_BYTES;
  for (let index = 0; index < count; index += 1) {
    const left = file.length - at;
    if (left < SEGMENT_HEADER_BYTES)
      throw truncated(file, `the header of segment ${index}`, SEGMENT_HEADER_BYTES - left);
    const sizeBytes = file.readUInt32LE(at + 4);
    if (sizeBytes % 4 !== 0) {
      throw segmentInvalid(
        `Segment ${index} says at offset ${hex(at + 4)} that it has ${sizeBytes} bytes; a length is a multiple of 4.`,
      );
    }
    const room = left - SEGMENT_HEADER_BYTES;
    if (sizeBytes > room) throw truncated(file, `segment ${index} (${sizeBytes} bytes)`, sizeBytes - room);
    segments.push({ loadAddress: file.readUInt32LE(at), offset: at + SEGMENT_HEADER_BYTES, sizeBytes });
    at += SEGMENT_HEADER_BYTES + sizeBytes;
  }
  return segments;
}

function findChecksum(file: Buffer, segments: readonly Segment[]): number {
  const last = segments.at(-1);
  const end = last === undefined ? HEADER_BYTES : last.offset + last.sizeBytes;
  const checksumAt = end + (CHECKSUM_BLOCK_BYTES - 1) - (end % CHECKSUM_BLOCK_BYTES);
  if (file.length <= checksumAt) throw truncated(file, 'the checksum', checksumAt + 1 - file.length);
  return checksumAt;
}

function chipName(chipId: number): string {
  const name = CHIP_NAMES.get(chipId);
  if (name !== undefined) return name;
  throw new OtterError(
    'chip_unknown',
    `The image header names chip ${hex(chipId)} at offset 0x0C, which is none of ${[...CHIP_NAMES.values()].join(', ')}.`,
    'Build for one of these chips. An ESP8266 image has no chip number and cannot be used.',
  );
}

function segmentInvalid(message: string): OtterError {
  return new OtterError('segment_invalid', message, REBUILD_HINT);
}
