// Reads an ESP32 application image at upload: is it one, is it whole, which chip is it for, what does it say of itself.
// Every byte of an accepted file is covered by a sum. It never changes, stores or signs anything, and it decides nothing
// that depends on other firmware. Format: ESP-IDF `esp_app_format.h`; the marker: docs/firmware-marker.md.

import { hash } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';
import type { FirmwareMarker } from '#protocol/device/firmware-marker.ts';
import { MAX_IMAGE_BYTES, MIN_IMAGE_BYTES } from '#protocol/limits.ts';
import { type AppDescriptor, readAppDescriptor } from './app-descriptor.ts';
import { type ImageHeader, readLayout } from './image-layout.ts';
import { checkSeal, readAppendedSha256, type SignatureKind } from './image-seal.ts';
import { findMarker } from './marker.ts';
import { APP_IMAGE_HINT } from './hints.ts';
import { refuseFlashImage } from './flash-image.ts';
import { refuseOtherImages } from './not-an-app.ts';
import { refuseOtherFiles } from './other-files.ts';

export type EspImage = ImageHeader & {
  /** Size and SHA-256 (hex) of the whole file, a signature sector included. */
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The SHA-256 that the image carries of itself, hex: what `esp_partition_get_sha256` answers on a board. */
  readonly appendedSha256: string;
  readonly segmentCount: number;
  readonly descriptor: AppDescriptor | undefined;
  readonly marker: FirmwareMarker | undefined;
  /** Undefined: it is not signed. */
  readonly signature: SignatureKind | undefined;
};

/**
 * Parses and checks a whole image file. Throws `OtterError` with one of: `empty_image`, what `refuseOtherFiles` and
 * `refuseOtherImages` throw,
 * `image_too_large`, `image_truncated`, `segment_invalid`, `chip_unknown`, `checksum`, `image_hash_missing`,
 * `image_hash`, `image_trailing`, `descriptor_invalid`, `marker_invalid`.
 */
export function parseEspImage(bytes: Uint8Array): EspImage {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length === 0) throw new OtterError('empty_image', 'The file has 0 bytes.', APP_IMAGE_HINT);
  refuseOtherFiles(file);
  if (file.length > MAX_IMAGE_BYTES) refuseFlashImage(file);
  checkSize(file);
  const layout = readLayout(file);
  refuseOtherImages(file, layout);
  const signature = checkSeal(file, layout);
  return {
    ...layout.header,
    sizeBytes: file.length,
    sha256: hash('sha256', file),
    appendedSha256: readAppendedSha256(file, layout),
    segmentCount: layout.segments.length,
    descriptor: readAppDescriptor(file, layout.segments),
    marker: findMarker(file, layout.segments),
    signature,
  };
}

function checkSize(file: Buffer): void {
  if (file.length < MIN_IMAGE_BYTES) {
    throw new OtterError(
      'image_truncated',
      `The file has ${file.length} bytes; the smallest application image has ${MIN_IMAGE_BYTES}.`,
      'The copy is incomplete. Copy or download the file again, or build it again.',
    );
  }
  if (file.length > MAX_IMAGE_BYTES) {
    throw new OtterError(
      'image_too_large',
      `The file has ${file.length} bytes; an image has at most ${MAX_IMAGE_BYTES}.`,
      `A file this large is often a merged flash image. ${APP_IMAGE_HINT}`,
    );
  }
}
