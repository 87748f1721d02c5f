// Which product and version a build is: what the operator says names it; else the firmware marker; else, for the version, the app
// descriptor. Boards with OtterOTA say what the marker says, so a marker that says otherwise needs a force; a descriptor never
// does, it is kept and shown as what the build system wrote.

import { OtterError } from '#protocol/errors.ts';
import { bareVersion, isDescribed, isDirty, namesCommit, versionFault, versionKey } from '#protocol/device/version.ts';
import type { EspImage } from './esp-image.ts';

export interface UploadClaims {
  readonly product: string | undefined;
  /** As it was typed: a leading `v` is dropped here. */
  readonly version: string | undefined;
  readonly forceProduct: boolean;
  readonly forceVersion: boolean;
}

export interface BuildName {
  readonly product: string;
  readonly version: string;
  readonly warnings: readonly string[];
}

/** The projects of those who build the SDK for Arduino: their name, version and date stand in every sketch that is linked with it. */
const ARDUINO_PROJECT = /(?:^|[-_])arduino[-_]lib[-_]builder$/i;

/** Throws `version_invalid`, `version_missing`, `version_mismatch`, `product_mismatch`. */
export function nameBuild(image: EspImage, claims: UploadClaims, defaultProduct: string): BuildName {
  const { marker } = image;
  const version = releaseVersion(image, claims.version);
  if (!claims.forceVersion && marker !== undefined && marker.version !== version)
    throw mismatch('version', marker.version, version);
  const product = claims.product ?? marker?.product ?? defaultProduct;
  if (!claims.forceProduct && marker !== undefined && marker.product !== product)
    throw mismatch('product', marker.product, product);
  return { product, version, warnings: warningsOf(image, version) };
}

/** What the app descriptor says that is of this program; undefined where it is that of the Arduino SDK, or where there is none. */
export function ownDescriptorOf({ descriptor }: Pick<EspImage, 'descriptor'>): EspImage['descriptor'] {
  return descriptor === undefined || ARDUINO_PROJECT.test(descriptor.projectName) ? undefined : descriptor;
}

/** Which program the image says that it is: by its descriptor, else by its marker. Undefined: it does not say it. */
export function projectOf(image: Pick<EspImage, 'descriptor' | 'marker'>): string | undefined {
  const project = ownDescriptorOf(image)?.projectName;
  return project === undefined || project === '' ? image.marker?.product : project;
}

/** Build systems write one name in several ways: letter case, and a dash or an underscore, make no other project. */
export function isSameProject(left: string, right: string): boolean {
  const plain = (project: string): string => project.toLowerCase().replaceAll('_', '-');
  return plain(left) === plain(right);
}

function releaseVersion(image: EspImage, claimed: string | undefined): string {
  if (claimed !== undefined) {
    const fault = versionFault(claimed);
    if (fault === undefined) return bareVersion(claimed);
    throw new OtterError(
      'version_invalid',
      `version ${JSON.stringify(claimed)} cannot name a release: ${fault}`,
      `pass a SemVer version, such as --version ${suggestion(claimed)}`,
    );
  }
  if (image.marker !== undefined) return image.marker.version;
  const said = ownDescriptorOf(image)?.version ?? '';
  const fault = said === '' ? undefined : versionFault(said);
  if (said === '' || fault !== undefined || isDescribed(said)) throw versionMissing(said, fault);
  return bareVersion(said);
}

/** What `git describe` wrote between two tags is no release until somebody says so: every build of a branch would be one. */
function versionMissing(said: string, fault: string | undefined): OtterError {
  if (said === '')
    return new OtterError(
      'version_missing',
      'the image does not say its version (an Arduino image carries none of the sketch)',
      'pass --version, or put OTTER_FIRMWARE("product", "1.2.3") into the sketch',
    );
  if (fault === undefined) {
    const dirty = isDirty(said) ? ', with changes that were not committed (-dirty)' : '';
    return new OtterError(
      'version_missing',
      `the image says version ${JSON.stringify(said)}, a state of the source beside a tag as git describe names it${dirty}`,
      `build from the tag of a release, or pass --version ${bareVersion(said)} if this state goes out as it is`,
    );
  }
  return new OtterError(
    'version_missing',
    `the image says version ${JSON.stringify(said)}, which cannot name a release: ${fault}`,
    `name the release yourself, such as --version ${suggestion(said)}; what the image says is kept beside it`,
  );
}

/** Three numbers as near to the text as it has any. */
function suggestion(text: string): string {
  const numbers =
    /^[vV]?(\d[\d.]*)/
      .exec(text)?.[1]
      ?.split('.')
      .filter((part) => part !== '') ?? [];
  const isOneLongNumber = numbers.length === 1 && (numbers[0]?.length ?? 0) > 4;
  if (numbers.length === 0 || isOneLongNumber || numbers.some((number) => number.length > 9)) return '1.4.0';
  return [0, 1, 2].map((index) => String(Number(numbers[index] ?? '0'))).join('.');
}

function warningsOf(image: EspImage, version: string): readonly string[] {
  const { descriptor } = image;
  const said = ownDescriptorOf(image)?.version ?? '';
  const isOtherName = image.marker === undefined && said !== '' && versionKey(said) !== versionKey(version);
  return [
    ...(descriptor === undefined
      ? ['the image has no app descriptor: its build cannot be told from another of the same version on the board']
      : []),
    // The server orders it behind its tag; a board goes by SemVer, where it stands in front of it.
    ...(isDescribed(version)
      ? [
          `boards with an OtterOTA before 0.3.0 order ${version} below its tag, as SemVer has it, and are not offered it where they run that release`,
        ]
      : []),
    ...(isDirty(version) || (image.marker === undefined && isDirty(said))
      ? [
          `${isDirty(said) ? said : version}: the sources had changes that were not committed, so this build cannot be made again`,
        ]
      : []),
    ...(isOtherName && !(namesCommit(said) && !isDirty(said))
      ? [
          `the image says version ${said}: a board that reports this instead of ${version} is only known to run ${version} where it sends image_sha256`,
        ]
      : []),
  ];
}

function mismatch(what: 'version' | 'product', found: string, announced: string): OtterError {
  return new OtterError(
    `${what}_mismatch`,
    `the firmware marker of the image says ${what} ${found}, announced was ${announced}`,
    `boards report what the marker says: check which build this is; --force-${what} if you are sure`,
  );
}
