// Which product and version a build is: what the operator says, what the firmware marker says, what the app descriptor
// says, in this order; where two of them contradict each other the build is refused rather than guessed.

import { OtterError } from '#protocol/errors.ts';
import { SEMVER_PATTERN } from '#protocol/words.ts';
import { isDescribed } from '#engine/facts/version.ts';
import type { EspImage } from './esp-image.ts';

export interface UploadClaims {
  readonly product: string | undefined;
  readonly version: string | undefined;
  readonly forceProduct: boolean;
  readonly forceVersion: boolean;
}

export interface BuildName {
  readonly product: string;
  readonly version: string;
  readonly warnings: readonly string[];
}

/** Arduino builds carry the name and version of Espressif's library builder in their descriptor, not the sketch's. */
const ARDUINO_PROJECT = 'arduino-lib-builder';

const semver = new RegExp(SEMVER_PATTERN);

/** Throws `version_missing`, `version_mismatch`, `product_mismatch`. */
export function nameBuild(image: EspImage, claims: UploadClaims, defaultProduct: string): BuildName {
  const descriptor = image.descriptor?.projectName === ARDUINO_PROJECT ? undefined : image.descriptor;
  const described = descriptor === undefined ? undefined : semverOf(descriptor.version);
  const said = image.marker?.version ?? described;
  const version = claims.version ?? (said === undefined || isDescribed(said) ? undefined : said);
  if (version === undefined) throw versionMissing(said);
  if (!claims.forceVersion) {
    refuseOtherVersion(version, image.marker?.version, 'firmware marker');
    if (image.marker === undefined && described !== undefined && !isDescribed(described))
      refuseOtherVersion(version, described, 'app descriptor');
  }
  const product = claims.product ?? image.marker?.product ?? defaultProduct;
  if (!claims.forceProduct) {
    refuseOtherProduct(product, image.marker?.product, 'firmware marker');
    const project = descriptor?.projectName;
    // Only a product that was named can contradict the descriptor; without one there is nothing to compare.
    if (image.marker === undefined && claims.product !== undefined && claims.product !== defaultProduct)
      refuseOtherProduct(product, project === '' ? undefined : project, 'app descriptor');
  }
  return { product, version, warnings: warningsOf(image, version) };
}

function warningsOf({ descriptor }: EspImage, version: string): readonly string[] {
  return [
    ...(descriptor === undefined
      ? ['the image has no app descriptor: its build cannot be told from another of the same version on the board']
      : []),
    // The server orders it behind its tag; a board goes by SemVer, where it stands in front of it.
    ...(isDescribed(version)
      ? [`boards order ${version} below its tag, as SemVer has it, and refuse it where they run that release`]
      : []),
  ];
}

/** Which program the image says that it is: by its descriptor, else by its marker. Undefined: it does not say it. */
export function projectOf({ descriptor, marker }: Pick<EspImage, 'descriptor' | 'marker'>): string | undefined {
  const project = descriptor?.projectName;
  return project === undefined || project === '' || project === ARDUINO_PROJECT ? marker?.product : project;
}

/** What `git describe` wrote between two tags is no release until somebody says so: every build of a branch would be one. */
function versionMissing(described: string | undefined): OtterError {
  if (described !== undefined)
    return new OtterError(
      'version_missing',
      `the image says version ${described}, a state between two releases as git describe names it`,
      `build from the tag of a release, or pass --version ${described} if this state goes out as it is`,
    );
  return new OtterError(
    'version_missing',
    'the image does not say its version (an Arduino image carries none of the sketch)',
    'pass --version, or put OTTER_FIRMWARE("product", "1.2.3") into the sketch',
  );
}

/** `v1.2.3` is often meant as 1.2.3; any other text that is not SemVer says nothing about ours. */
function semverOf(text: string): string | undefined {
  const bare = text.replace(/^v/, '');
  return semver.test(bare) ? bare : undefined;
}

function refuseOtherVersion(version: string, found: string | undefined, where: string): void {
  if (found === undefined || found === version) return;
  throw new OtterError(
    'version_mismatch',
    `the ${where} of the image says version ${found}, announced was ${version}`,
    'check which build this is; --force-version if you are sure',
  );
}

function refuseOtherProduct(product: string, found: string | undefined, where: string): void {
  if (found === undefined || found === product) return;
  throw new OtterError(
    'product_mismatch',
    `the ${where} of the image says product ${found}, announced was ${product}`,
    'check which build this is; --force-product if you are sure',
  );
}
