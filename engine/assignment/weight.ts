// What the end of one assignment proves of the build on its board: docs/rollout.md, "After a failure". Pure.

import { findDeviceError, type Weight } from '#protocol/device/errors.ts';
import type { AssignmentState } from '#engine/facts/model.ts';

export interface AssignmentEnd {
  readonly state: AssignmentState;
  /** What the device reported, else what its reset reason says; undefined: nobody knows. */
  readonly cause: string | undefined;
  /** The device itself said that it left the build: by a report, or as `rolled_back_from` of a check-in. */
  readonly saidItLeft: boolean;
  /** It ended while no server was there: no evidence. */
  readonly excused?: boolean;
}

/**
 * The weight of one assignment in this state. Of causes that no table has, and of none, a board that said that it came back
 * gives proof: better one board waits than a fleet breaks. One that is merely seen on the build before gives a strike, for it
 * may as well have lost its power. An offer that is refused says nothing of the build, but for one that failed there before.
 */
export function weightOfEnd({ state, cause, saidItLeft, excused }: AssignmentEnd): Weight {
  if (excused === true) return 'none';
  const weight = cause === undefined ? undefined : findDeviceError(cause)?.weight;
  if (state === 'rolled_back') return weight ?? (saidItLeft ? 'proof' : 'strike');
  if (state === 'failed') return weight ?? 'strike';
  if (state !== 'rejected') return 'none';
  if (cause === 'known_bad') return 'proof';
  return weight === 'not_now' ? weight : 'none';
}

/** The board put it off itself: busy, deferred, low on power. */
export function isNotNow(cause: string | undefined): boolean {
  return cause !== undefined && findDeviceError(cause)?.weight === 'not_now';
}

/** Whether the board got as far as to try the build, so that a pardon for it is used up. */
export function isTried(end: AssignmentEnd): boolean {
  if (end.state === 'confirmed' || end.state === 'rolled_back') return true;
  const weight = weightOfEnd(end);
  return weight === 'proof' || weight === 'strike';
}
