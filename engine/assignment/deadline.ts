// How long an assignment may stay as it is. Past its deadline it is `timed_out` and its device counts as silent; what the
// device is seen running later still decides. Time in which no server was there does not count, and a board that gives signs
// of life while it holds an image waits for something of its own: an hour of its day, or a quiet moment of its application.

import { POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { type Absence, elapsedMs } from '#engine/facts/absence.ts';
import type { AssignmentState } from '#engine/facts/model.ts';

/** A download slower than this has stalled. */
const SLOWEST_BYTES_PER_S = 2_048;

/** For the installation, the restart and the trial. */
const TRIAL_MS = 600_000;

/** For hours of its own day that a device may have to wait for. No board that is heard of is late before. */
export const WAIT_MS = 86_400_000;

export interface Deadline {
  readonly state: AssignmentState;
  /** When it changed last, or when its rollout went on after that. */
  readonly sinceMs: number;
  /** When the device checked in last. */
  readonly seenAtMs: number;
  /** For how long the device may be unheard of before it is silent: three polls. */
  readonly silenceMs: number;
  readonly sizeBytes: number;
  /** Its application put the offer off. */
  readonly isPostponed: boolean;
  /** The device keeps a window itself. */
  readonly isDeviceLocal: boolean;
}

export function isOverdue(deadline: Deadline, absences: readonly Absence[], nowMs: number): boolean {
  const downloadMs = (deadline.sizeBytes / SLOWEST_BYTES_PER_S) * 1000;
  const waitMs = waitOf(deadline, absences, nowMs);
  return elapsedMs(absences, deadline.sinceMs, nowMs) > deadline.silenceMs + downloadMs + waitMs + TRIAL_MS;
}

/** A board that sleeps for longer than any board is told to is waited for by its own rhythm: the interval of its deadlines. */
export function deadlineSilenceMs(pollIntervalS: number, ownS: number | undefined): number {
  const intervalS = ownS !== undefined && ownS > POLL_REST * pollIntervalS ? ownS : pollIntervalS;
  return SILENT_POLLS * intervalS * 1000;
}

/** What the deadline is longer by: a device may wait for hours of its own, and one that is heard of may go on waiting. */
function waitOf(deadline: Deadline, absences: readonly Absence[], nowMs: number): number {
  const { state, seenAtMs, isDeviceLocal } = deadline;
  const isAlive = elapsedMs(absences, seenAtMs, nowMs) <= deadline.silenceMs;
  if (isAlive && (state === 'downloaded' || deadline.isPostponed)) return Number.POSITIVE_INFINITY;
  // Many boards do not report: one that was offered a build may hold the image since then. Or never take it.
  if (isAlive && (state === 'offered' || state === 'downloading')) return WAIT_MS;
  return isDeviceLocal ? WAIT_MS : 0;
}
