// Where an image lies in the store. Names are checked here a second time, so that no path can leave the root whatever a
// caller forgot.

import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { MAX_VERSION_CHARS } from '#protocol/limits.ts';
import { IMAGE_FOLDER_PATTERN, NAME_PATTERN, SEMVER_PATTERN } from '#protocol/words.ts';

/** `chip`: that of the image, and for a second one of it the lowest revision, as in `esp32-r300`. */
export type ImagePlace = { readonly product: string; readonly version: string; readonly chip: string };

export const IMAGE_FILE = 'image.bin';
export const MANIFEST_FILE = 'manifest.json';

const productGrammar = new RegExp(NAME_PATTERN);
const versionGrammar = new RegExp(SEMVER_PATTERN);
const chipGrammar = new RegExp(IMAGE_FOLDER_PATTERN);

/** `<root>/<product>/<version>/<chip>`. None of the three grammars allows a slash or a leading dot. Throws `id_invalid`. */
export function placeFolder(root: string, { product, version, chip }: ImagePlace): string {
  const fits =
    productGrammar.test(product) &&
    version.length <= MAX_VERSION_CHARS &&
    versionGrammar.test(version) &&
    chipGrammar.test(chip);
  if (fits) return join(root, product, version, chip);
  throw new OtterError(
    'id_invalid',
    `There can be no image of ${JSON.stringify(`${product}/${version}/${chip}`.slice(0, 100))}.`,
    'Use a product name, a SemVer version and a chip name, for example thermostat/1.4.0/esp32s3.',
  );
}
