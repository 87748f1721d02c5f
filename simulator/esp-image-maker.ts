// Makes an ESP32 image whole again after its bytes were changed, for demonstrations and tests. It trusts the header and
// the lengths that it finds: only for images that were well-formed before. Format: ESP-IDF `esp_app_format.h`.

import { hash } from 'node:crypto';

const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const CHECKSUM_SEED = 0xef;

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
