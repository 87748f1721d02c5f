// The order of versions: SemVer 2.0.0 precedence. A text that is not SemVer has no place in the order; it is only ever
// compared as it is.

import semver from 'semver';
import { SEMVER_PATTERN } from '#protocol/words.ts';

const strict = new RegExp(SEMVER_PATTERN);

/** Whether the text is SemVer 2.0.0 as written: no leading `v`, no spaces, no number that is too long to be ordered. */
export function isVersion(text: string): boolean {
  return strict.test(text);
}

/**
 * Negative, zero or positive as SemVer 2.0.0 section 11 orders them (build metadata does not count), or undefined where
 * one of the two is not SemVer.
 */
export function compareVersions(left: string, right: string): number | undefined {
  if (!isVersion(left) || !isVersion(right)) return undefined;
  return semver.compare(left, right);
}
