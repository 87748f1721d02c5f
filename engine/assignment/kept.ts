// Which ended assignments are kept however old they are: those that still say something of a board. Pure.

import { type AssignmentEnd, weightOfEnd } from './weight.ts';

export interface OldAssignment {
  readonly id: number;
  /** The next offer of the build says to the board that it was cleared. */
  readonly isPardoned: boolean;
}

/** What is known of the board of an old assignment. */
export interface BoardOfAssignment {
  /** Its latest assignment; and the latest that is no way back. */
  readonly latestIds: readonly number[];
  /** The assignment that brought the build which it confirmed last: it is watched by that. */
  readonly takenId: number | undefined;
  /** Its assignments of the same build that ended badly and still count. */
  readonly failed: readonly AssignmentEnd[];
}

/**
 * Whether the assignment is still needed. Where one of the same build counts against that build, all of that build are: a later one
 * that succeeded says that the board is past it.
 */
export function isKept({ id, isPardoned }: OldAssignment, { latestIds, takenId, failed }: BoardOfAssignment): boolean {
  if (isPardoned || id === takenId || latestIds.includes(id)) return true;
  return failed.some((assignment) => {
    const weight = weightOfEnd(assignment);
    return weight === 'proof' || weight === 'strike';
  });
}
