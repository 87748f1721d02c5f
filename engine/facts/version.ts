// The order of versions: SemVer 2.0.0 precedence. What a device reports may have a leading `v`, and build metadata never
// counts. A text that is not SemVer has no place in the order; it is only ever compared as it is.

import semver from 'semver';
import { SEMVER_PATTERN } from '#protocol/words.ts';

const strict = new RegExp(SEMVER_PATTERN);

const LEADING_V = /^v?(.*)$/is;

/** `1.4.1-2-g0296947`: two commits after the tag 1.4.1, as `git describe` writes it (with `--dirty`, too). */
const DESCRIBED = /^(?<tag>.+)-(?<commits>0|[1-9][0-9]{0,14})-g[0-9a-f]{4,40}(?:-dirty)?$/;

/** Whether the text is SemVer 2.0.0 as written: no leading `v`, no spaces, no number that is too long to be ordered. */
export function isVersion(text: string): boolean {
  return strict.test(text);
}

/** Whether a reported version has a place in the order: SemVer, with a leading `v` or without. */
export function isOrdered(reported: string): boolean {
  return readVersion(reported) !== undefined;
}

/**
 * Negative, zero or positive as SemVer 2.0.0 section 11 orders them (a leading `v` and build metadata do not count), or
 * undefined where one of the two is not SemVer. What `git describe` wrote comes after its tag, by the number of commits.
 */
export function compareVersions(left: string, right: string): number | undefined {
  const [ofLeft, ofRight] = [readVersion(left), readVersion(right)];
  if (ofLeft === undefined || ofRight === undefined) return undefined;
  const [here, there] = [placeOf(ofLeft), placeOf(ofRight)];
  return semver.compare(here.tag, there.tag) || here.commits - there.commits || semver.compare(ofLeft, ofRight);
}

/** Texts with the same key are the same version: of SemVer what counts in the order, any other text as it is. */
export function versionKey(reported: string): string {
  return readVersion(reported)?.split('+')[0] ?? reported;
}

/** Whether `git describe` wrote this: a state of the source between two releases, which names neither. */
export function isDescribed(version: string): boolean {
  return DESCRIBED.test(version.split('+')[0] ?? version);
}

function readVersion(text: string): string | undefined {
  const bare = LEADING_V.exec(text)?.[1];
  return bare !== undefined && isVersion(bare) ? bare : undefined;
}

function placeOf(version: string): { readonly tag: string; readonly commits: number } {
  const { tag, commits } = DESCRIBED.exec(version.split('+')[0] ?? version)?.groups ?? {};
  return tag !== undefined && isVersion(tag) ? { tag, commits: Number(commits) } : { tag: version, commits: 0 };
}
