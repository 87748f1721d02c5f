// The firmware marker: what `OTTER_FIRMWARE("thermostat", "1.4.0")` leaves in an image, and how to make the same bytes.
// It never searches an image; the server does (`server/src/esp-image/marker.ts`). Format: docs/firmware-marker.md.

import { crc32 } from 'node:zlib';
import { OtterError } from '#protocol/errors.ts';
import { NAME_PATTERN, SEMVER_PATTERN } from '#protocol/words.ts';

/** What the firmware says of itself. */
export type FirmwareMarker = { readonly product: string; readonly version: string };

/**
 * 16 random bytes: no text in any encoding (0xF5 never occurs in UTF-8), no instruction pattern. In an image they mean
 * a marker and nothing else, so a program that searches for markers must not hold them in one piece.
 */
export const MARKER_MAGIC: Buffer = Buffer.from('b01bddd7f503019e9b87cbce78d1d1fb', 'hex');

/** The only format so far. A reader refuses a format that it does not know. */
export const MARKER_FORMAT = 1;

/** Bytes of each text field, its closing NUL included. */
export const MARKER_TEXT_BYTES = 32;

/** Byte offsets in the marker; all numbers little-endian. The CRC covers every byte before it. */
export const MARKER_OFFSETS = { format: 16, reserved: 17, product: 20, version: 52, crc32: 84 } as const;

/** Size of a marker in bytes; it lies at an address divisible by 4. */
export const MARKER_BYTES = 88;

const productGrammar = new RegExp(NAME_PATTERN);
const versionGrammar = new RegExp(SEMVER_PATTERN);

/** Says what is wrong with product or version, or undefined when both can stand in a marker. */
export function markerFault(marker: FirmwareMarker): string | undefined {
  if (!productGrammar.test(marker.product)) return `product ${JSON.stringify(marker.product)} is not a product name`;
  if (marker.product.length >= MARKER_TEXT_BYTES) return `product ${marker.product} is longer than 31 characters`;
  if (!versionGrammar.test(marker.version)) return `version ${JSON.stringify(marker.version)} is not SemVer`;
  if (marker.version.length >= MARKER_TEXT_BYTES) return `version ${marker.version} is longer than 31 characters`;
  return undefined;
}

/** The 88 bytes of a marker. Throws `marker_invalid` when product or version cannot stand in one. */
export function encodeFirmwareMarker(marker: FirmwareMarker): Buffer {
  const fault = markerFault(marker);
  if (fault !== undefined) {
    throw new OtterError(
      'marker_invalid',
      `No marker can be made: ${fault}.`,
      'Use a name like thermostat, a version like 1.4.0.',
    );
  }
  const bytes = Buffer.alloc(MARKER_BYTES);
  MARKER_MAGIC.copy(bytes);
  bytes.writeUInt8(MARKER_FORMAT, MARKER_OFFSETS.format);
  bytes.write(marker.product, MARKER_OFFSETS.product, 'latin1');
  bytes.write(marker.version, MARKER_OFFSETS.version, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(0, MARKER_OFFSETS.crc32)), MARKER_OFFSETS.crc32);
  return bytes;
}
