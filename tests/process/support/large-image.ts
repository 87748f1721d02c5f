// Images of the size that real builds have, so that an upload and a download take long enough to be interrupted.

import { randomBytes } from 'node:crypto';
import { buildEspImage, descriptorBytes } from '../../support/esp-image-builder.ts';
import { encodeFirmwareMarker } from '#protocol/device/firmware-marker.ts';

/** A valid image for the ESP32 of about `sizeBytes`, with a marker that names it; the bytes differ with every call. */
export function largeImage(version: string, sizeBytes: number, product = 'default'): Buffer {
  const marker = encodeFirmwareMarker({ product, version });
  return buildEspImage({
    chipId: 0,
    segments: [
      { loadAddress: 0x3f400020, data: Buffer.concat([descriptorBytes({ version }), marker]) },
      { loadAddress: 0x400d0020, data: randomBytes(Math.floor(sizeBytes / 4) * 4) },
    ],
  });
}
