// Which ended attempts are kept however old they are: those that still say something of a board. Pure.

import { type AttemptEnd, weightOfEnd } from './weight.ts';

export interface OldAttempt {
  readonly id: number;
  /** The next offer of the build says to the board that it was cleared. */
  readonly isPardoned: boolean;
}

/** What is known of the board of an old attempt. */
export interface BoardOfAttempt {
  /** Its latest attempt; and the latest that is no way back. */
  readonly latestIds: readonly number[];
  /** The attempt that brought the build which it confirmed last: it is watched by that. */
  readonly takenId: number | undefined;
  /** Its attempts of the same build that ended badly and still count. */
  readonly failed: readonly AttemptEnd[];
}

/**
 * Whether the attempt is still needed. Where one of the same build counts against that build, all of that build are: a later one
 * that succeeded says that the board is past it.
 */
export function isKept({ id, isPardoned }: OldAttempt, { latestIds, takenId, failed }: BoardOfAttempt): boolean {
  if (isPardoned || id === takenId || latestIds.includes(id)) return true;
  return failed.some((attempt) => {
    const weight = weightOfEnd(attempt);
    return weight === 'proof' || weight === 'strike';
  });
}
