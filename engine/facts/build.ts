// Whether a device runs a build: the one definition, which every rule, view and count asks. The version must be the same, and
// the digest, where the device names one, must be that of the image: of the file, of the ELF, or the one appended to it.

import type { DeviceFacts, ImageFacts } from './model.ts';
import { versionKey } from '#protocol/device/version.ts';

/** The three digests by which an image is known on a board. */
export type Digests = Pick<ImageFacts, 'sha256' | 'elfSha256' | 'appendedSha256'>;

/** What a device says that it runs. */
export interface Running {
  readonly version: string;
  readonly imageSha256: string | undefined;
}

/**
 * `runs_it`: it runs the build. `other_build`: this version, but another digest, such as one that was built locally: neither a
 * success of the build nor a failure. `other_name`: the very image, which says another version of itself. `elsewhere`: neither.
 */
export type BuildMatch = 'runs_it' | 'other_build' | 'other_name' | 'elsewhere';

/** `images` are those of the build, or the one image that the question is about. */
export function matchBuild(
  build: { readonly version: string; readonly images: readonly Digests[] },
  running: Running,
): BuildMatch {
  const digest = digestOf(running);
  const isNamed = digest !== undefined && build.images.some((image) => hasDigest(image, digest));
  if (!isSameVersion(build.version, running.version)) return isNamed ? 'other_name' : 'elsewhere';
  return digest === undefined || isNamed ? 'runs_it' : 'other_build';
}

/** Whether the digest that the device names is one of this image; undefined: it names none. */
export function isNamedBy(image: Digests, running: Pick<Running, 'imageSha256'>): boolean | undefined {
  const digest = digestOf(running);
  return digest === undefined ? undefined : hasDigest(image, digest);
}

/** The same of a device as the rules know it. */
export function runningOf(device: Pick<DeviceFacts, 'currentVersion' | 'imageSha256'>): Running {
  return { version: device.currentVersion, imageSha256: device.imageSha256 };
}

/** Equal in the order of SemVer, a leading `v` and build metadata apart; what is not SemVer is compared as text. */
export function isSameVersion(left: string, right: string): boolean {
  return versionKey(left) === versionKey(right);
}

/** A board that cannot read its digest may say 64 zeros; that says nothing. */
function digestOf({ imageSha256 }: Pick<Running, 'imageSha256'>): string | undefined {
  return imageSha256 === undefined || /^0*$/.test(imageSha256) ? undefined : imageSha256;
}

function hasDigest({ sha256, elfSha256, appendedSha256 }: Digests, digest: string): boolean {
  return sha256 === digest || elfSha256 === digest || appendedSha256 === digest;
}
