// Which failures of one build on one device an operator forgives with a retry. Pure.

import { findDeviceError, type Weight } from '#protocol/device/errors.ts';
import type { EndedAssignment } from './assignment.ts';
import { type AssignmentEnd, weightOfEnd } from './weight.ts';

type Forgivable = Omit<EndedAssignment, 'updatedAtMs'>;

/**
 * The assignments to forgive, of those of one build on one device that still count, the oldest first. Only where the latest
 * ended by what may pass (network, device, a trial that did not reach the server), or was never heard of again; that one
 * stays, and with it its back-off. Where any of them is proof against the build nothing is forgiven: it stays known bad.
 */
export function forgivableOf(assignments: readonly Forgivable[]): readonly Forgivable[] {
  const latest = assignments.findLast(({ state }) => state !== 'superseded');
  if (latest === undefined || !mayPass(latest)) return [];
  if (assignments.some((assignment) => weightOfEnd(assignment) === 'proof')) return [];
  return assignments.filter((assignment) => assignment !== latest && mayPass(assignment));
}

/**
 * Why the build is known bad on the device: the cause of the last assignment that is proof, else of the last strike.
 * To be asked only where it is; undefined: the cause is not known.
 */
export function causeOfKnownBad(assignments: readonly AssignmentEnd[]): string | undefined {
  const last = (weight: Weight) => assignments.findLast((assignment) => weightOfEnd(assignment) === weight);
  return (last('proof') ?? last('strike'))?.cause;
}

function mayPass({ state, cause, excused }: AssignmentEnd): boolean {
  if (state === 'timed_out' || excused === true) return true;
  if (state !== 'failed' && state !== 'rejected' && state !== 'rolled_back') return false;
  // What ended without a known cause counts against the firmware, so it is not among these.
  const error = cause === undefined ? undefined : findDeviceError(cause);
  return error !== undefined && (error.retryable || error.fault === 'network' || error.fault === 'device');
}
