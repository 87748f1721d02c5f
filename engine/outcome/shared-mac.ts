// Whether what a board says can be of one board alone. One sign says little (a clock that was set, a flash by cable); of several,
// two boards are taken to use one MAC, and neither counts in a gate. Pure.

import { SHARED_MAC_SIGNS } from '#protocol/limits.ts';

export interface Signs {
  /** Its last start lies before the one that it told of already. */
  readonly uptimeGoesBack: boolean;
  /** It names another chip than the one that it named last. */
  readonly isOtherChip: boolean;
  /** It runs a build that it had left, and that it did not take again. */
  readonly runsWhatItLeft: boolean;
}

export function hasSign(signs: Signs): boolean {
  return signs.uptimeGoesBack || signs.isOtherChip || signs.runsWhatItLeft;
}

/** `contradictions`: signs so far, this one included. */
export function isShared(contradictions: number): boolean {
  return contradictions >= SHARED_MAC_SIGNS;
}
