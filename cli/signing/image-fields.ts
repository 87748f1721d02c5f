// What a signature says of an image, read from its file as the server reads it at the upload.

import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { nameBuild, type UploadClaims } from '#server/esp-image/build-name.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import type { ImageFields } from './sign.ts';

/** Errors: those of `parseEspImage` and `nameBuild`. */
export function imageFieldsOf(bytes: Buffer, claims: UploadClaims): ImageFields {
  const image = parseEspImage(bytes);
  const { product, version } = nameBuild(image, claims, DEFAULT_PRODUCT);
  return {
    product,
    version,
    chip: image.chip,
    size_bytes: image.sizeBytes,
    sha256: image.sha256,
    security_version: image.descriptor?.secureVersion ?? 0,
  };
}
