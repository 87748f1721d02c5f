// Makes an ESP32 image whole again after its bytes were changed, for demonstrations and tests. It trusts the header and
// the lengths that it finds: only for images that were well-formed before. Format: ESP-IDF `esp_app_format.h`.

import { hash } from 'node:crypto';

const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const CHECKSUM_SEED = 0xef;
const ALIGNMENT = 4;

/**
 * A copy of the image with checksum and appended SHA-256 computed anew. What follows the image (a signature sector) is
 * left out, since it would no longer match; missing room for the two sums is added.
 */
export function resealEspImage(bytes: Uint8Array): Buffer {
  const image = Buffer.from(bytes);
  const segmentCount = image.readUInt8(1);
  let checksum = CHECKSUM_SEED;
  let at = HEADER_BYTES;
  for (let index = 0; index < segmentCount; index += 1) {
    const end = at + SEGMENT_HEADER_BYTES + image.readUInt32LE(at + 4);
    for (const byte of image.subarray(at + SEGMENT_HEADER_BYTES, end)) checksum ^= byte;
    at = end;
  }
  const padding = Buffer.alloc(16 - (at % 16));
  padding.writeUInt8(checksum, padding.length - 1);
  const summed = Buffer.concat([image.subarray(0, at), padding]);
  return Buffer.concat([summed, hash('sha256', summed, 'buffer')]);
}

/**
 * A copy with these bytes in place of zeros among the constants of the image (its first segment), not sealed again. Throws
 * where there are not so many zeros in a row.
 */
export function putAmongConstants(image: Uint8Array, bytes: Uint8Array): Buffer {
  const copy = Buffer.from(image);
  const start = HEADER_BYTES + SEGMENT_HEADER_BYTES;
  const constants = copy.subarray(start, start + copy.readUInt32LE(HEADER_BYTES + 4));
  const zeros = Buffer.alloc(bytes.length + ALIGNMENT);
  const found = constants.indexOf(zeros);
  if (found < 0) throw new Error(`the image has no ${zeros.length} zeros in a row`);
  constants.set(bytes, Math.ceil((start + found) / ALIGNMENT) * ALIGNMENT - start);
  return copy;
}
