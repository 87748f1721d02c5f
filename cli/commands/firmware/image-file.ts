// The image that a person names: the file itself, or the application inside of a merged one. What is too large to be an image is
// told by what it is, where that can be told.

import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { extractApp, refuseFlashImage } from '#server/esp-image/flash-image.ts';

/** The largest flash of a board that a merged image is likely to be of. */
const MAX_FLASH_BYTES = 128 * 1_048_576;

/** `extract`: `app`, or the label of a partition. Errors as `readInputFile`, and `merged_image`. */
export async function readImageFile(path: string, extract: string | undefined): Promise<Buffer> {
  const { bytes } = await readInputFile(path, { what: 'image', maxBytes: MAX_FLASH_BYTES });
  if (extract !== undefined) return extractApp(bytes, extract);
  if (bytes.length <= MAX_IMAGE_BYTES) return bytes;
  refuseFlashImage(bytes);
  throw CommandError.own(
    'file_too_large',
    `${path} has ${bytes.length} bytes, the most for the image is ${MAX_IMAGE_BYTES}`,
    'name the file of the image',
  );
}
