// The two sums at the end of an image and what may follow them. Every byte of an accepted file is covered: the image by
// its SHA-256, the padding by its value, the sector of Secure Boot V2 by its CRCs; of the two other kinds of signature only their
// length and form are known. It does not check the signature itself: the key is on the device. Source: ESP-IDF `esp_image_format.c`, `secure_boot.h`; esptool `espsecure` (sign_data).

import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { OtterError } from '#protocol/errors.ts';
import { hex } from './hex.ts';
import { type ImageLayout, REBUILD_HINT, truncated } from './image-layout.ts';

const CHECKSUM_SEED = 0xef;
const HASH_BYTES = 32;
const SECTOR_BYTES = 4096;
const SIGNATURE_MAGIC = 0xe7;
const SIGNATURE_BLOCK_BYTES = 1216;
const SIGNATURE_CRC_AT = 1196;
const MAX_SIGNATURE_BLOCKS = 3;
/** Secure Boot V1: a word of 0 and an ECDSA P-256 signature; ESP-IDF `esp_secure_boot_sig_block_t`. */
const V1_BYTES = 68;
/** arduino-esp32 3.3 `tools/bin_signing.py`: an RSA or ECDSA signature, padded with zeros. */
const ARDUINO_BYTES = 512;

/** How the file is signed. The signature is part of the file and goes to the boards as it is. */
export type SignatureKind = 'Secure Boot V1' | 'Secure Boot V2' | 'Arduino';

/**
 * Checks checksum, appended SHA-256 and end of file; the signature that follows, undefined: none. Throws `checksum`, `image_hash_missing`, `image_hash`,
 * `image_truncated`, `image_trailing`.
 */
export function checkSeal(file: Buffer, layout: ImageLayout): SignatureKind | undefined {
  checkChecksum(file, layout);
  const hashAt = layout.checksumAt + 1;
  checkHash(file, layout, hashAt);
  return readSignature(file, hashAt + HASH_BYTES);
}

/** The SHA-256 that stands behind the checksum, also where a signature follows it; of an image that `checkSeal` has passed. */
export function readAppendedSha256(file: Buffer, { checksumAt }: Pick<ImageLayout, 'checksumAt'>): string {
  return file.toString('hex', checksumAt + 1, checksumAt + 1 + HASH_BYTES);
}

function checkChecksum(file: Buffer, layout: ImageLayout): void {
  let computed = CHECKSUM_SEED;
  for (const { offset, sizeBytes } of layout.segments) {
    for (const byte of file.subarray(offset, offset + sizeBytes)) computed ^= byte;
  }
  const stored = file.readUInt8(layout.checksumAt);
  if (computed === stored) return;
  throw new OtterError(
    'checksum',
    `The checksum at offset ${hex(layout.checksumAt)} is ${hex(stored)}; that of the segments is ${hex(computed)}.`,
    `The file was damaged or changed after the build. ${REBUILD_HINT}`,
  );
}

function checkHash(file: Buffer, layout: ImageLayout, hashAt: number): void {
  if (layout.hashAppended !== 1) {
    throw new OtterError(
      'image_hash_missing',
      `The byte at offset 0x17 is ${hex(layout.hashAppended)}, not 0x01: the image carries no SHA-256 of itself.`,
      'Build without the esptool option --dont-append-digest and upload the new .bin.',
    );
  }
  const left = file.length - hashAt;
  if (left < HASH_BYTES) throw truncated(file, 'the appended SHA-256', HASH_BYTES - left);
  const stored = file.toString('hex', hashAt, hashAt + HASH_BYTES);
  const computed = hash('sha256', file.subarray(0, hashAt));
  if (computed === stored) return;
  throw new OtterError(
    'image_hash',
    `The SHA-256 at offset ${hex(hashAt)} is ${stored}; that of the image is ${computed}.`,
    `The file was damaged or changed after the build. ${REBUILD_HINT}`,
  );
}

function readSignature(file: Buffer, endAt: number): SignatureKind | undefined {
  if (file.length === endAt) return undefined;
  const rest = file.subarray(endAt);
  if (isV1Signature(rest)) return 'Secure Boot V1';
  if (isArduinoSignature(rest)) return 'Arduino';
  const sectorAt = Math.ceil(endAt / SECTOR_BYTES) * SECTOR_BYTES;
  const fault = signatureFault(file, endAt, sectorAt);
  if (fault === undefined) return 'Secure Boot V2';
  throw new OtterError(
    'image_trailing',
    `The image ends at offset ${hex(endAt)}, but ${rest.length} bytes follow, and they are no signature: not ${V1_BYTES} bytes as of Secure Boot V1, not ${ARDUINO_BYTES} as Arduino appends, and not of Secure Boot V2: ${fault}.`,
    'Upload the .bin as the build made it, with nothing appended.',
  );
}

function isV1Signature(rest: Buffer): boolean {
  return (
    rest.length === V1_BYTES &&
    rest.readUInt32LE(0) === 0 &&
    isSigned(rest.subarray(4, 36)) &&
    isSigned(rest.subarray(36))
  );
}

/** The shortest, of ECDSA P-256, has at least 64 bytes and begins as DER does; RSA has 256, 384 or 512. Zeros follow. */
function isArduinoSignature(rest: Buffer): boolean {
  if (rest.length !== ARDUINO_BYTES) return false;
  let length = rest.length;
  while (length > 0 && rest[length - 1] === 0) length -= 1;
  const isDer = rest[0] === 0x30 && rest[1] !== undefined && length <= 2 + rest[1] && length > rest[1] - 2;
  return isSigned(rest.subarray(0, 32)) && (isDer || length > 250);
}

/** Not padding: a signature is never one byte over and over. */
function isSigned(bytes: Buffer): boolean {
  return bytes.some((byte) => byte !== bytes[0]);
}

/** What keeps the bytes from `endAt` on from being 0xFF padding and one signature sector; undefined when they are. */
function signatureFault(file: Buffer, endAt: number, sectorAt: number): string | undefined {
  const sector = file.subarray(sectorAt);
  if (sector.length !== SECTOR_BYTES)
    return `the file ends at ${hex(file.length)}, not at ${hex(sectorAt + SECTOR_BYTES)}`;
  if (!isFilled(file.subarray(endAt, sectorAt), 0xff)) return `the padding up to ${hex(sectorAt)} is not 0xFF`;
  if (sector.readUInt8(0) !== SIGNATURE_MAGIC)
    return `the byte at ${hex(sectorAt)} is ${hex(sector.readUInt8(0))}, not 0xE7`;
  let at = 0;
  for (let count = 0; count < MAX_SIGNATURE_BLOCKS && sector[at] === SIGNATURE_MAGIC; count += 1) {
    const block = sector.subarray(at, at + SIGNATURE_BLOCK_BYTES);
    if (!isSignatureBlock(block, file.subarray(0, sectorAt))) {
      return `the signature block at ${hex(sectorAt + at)} has a wrong CRC or is of another image`;
    }
    at += SIGNATURE_BLOCK_BYTES;
  }
  return isFilled(sector.subarray(at), 0xff) ? undefined : `the sector is not 0xFF from ${hex(sectorAt + at)} on`;
}

/** RSA-3072 and ECDSA P-256 sign a SHA-256, ECDSA P-384 a SHA-384; both stand at offset 4. */
function isSignatureBlock(block: Buffer, signed: Buffer): boolean {
  const digests = [hash('sha256', signed, 'buffer'), hash('sha384', signed, 'buffer')];
  return (
    block.readUInt32LE(SIGNATURE_CRC_AT) === crc32(block.subarray(0, SIGNATURE_CRC_AT)) &&
    isFilled(block.subarray(SIGNATURE_CRC_AT + 4), 0) &&
    digests.some((digest) => block.subarray(4, 4 + digest.length).equals(digest))
  );
}

function isFilled(bytes: Buffer, value: number): boolean {
  return bytes.every((byte) => byte === value);
}
