// Which failures of one build on one device an operator forgives with a retry. Pure.

import { faultOf } from './assignment.ts';
import type { AssignmentState } from '../facts/model.ts';

export interface EndedAttempt {
  readonly id: number;
  readonly state: AssignmentState;
  readonly cause: string | undefined;
  readonly excused?: boolean;
}

/**
 * The attempts to forgive, of those of one build on one device that still count, the oldest first. Only where the latest
 * ended by a fault of network or device, or was never heard of again; that one stays, and with it its back-off. A failure
 * of the firmware is never forgiven here: the build stays known bad where it was rolled back.
 */
export function forgivableOf(attempts: readonly EndedAttempt[]): readonly EndedAttempt[] {
  const latest = attempts.findLast(({ state }) => state !== 'superseded');
  if (latest === undefined || !isRetryable(latest)) return [];
  return attempts.filter((attempt) => attempt !== latest && isRetryable(attempt));
}

function isRetryable({ state, cause, excused }: EndedAttempt): boolean {
  if (state === 'timed_out' || excused === true) return true;
  if (state !== 'failed' && state !== 'rejected' && state !== 'rolled_back') return false;
  // What ended without a known cause counts against the firmware, so it is not among these.
  const fault = faultOf(cause);
  return fault === 'network' || fault === 'device';
}
