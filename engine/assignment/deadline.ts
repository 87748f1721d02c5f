// How long an assignment may stay as it is. Past its deadline it is `timed_out` and its device counts as silent; what the
// device is seen running later still decides.

import { SILENT_POLLS } from '#protocol/limits.ts';

/** A download slower than this has stalled. */
const SLOWEST_BYTES_PER_S = 2_048;

/** For the installation, the restart and the trial. */
const TRIAL_MS = 600_000;

/** For hours of its own day that a device may have to wait for. */
const DAY_MS = 86_400_000;

export interface Deadline {
  /** When it changed last, or when its rollout went on after that. */
  readonly sinceMs: number;
  readonly sizeBytes: number;
  /** The device keeps a window itself. */
  readonly isDeviceLocal: boolean;
}

export function isOverdue(
  { sinceMs, sizeBytes, isDeviceLocal }: Deadline,
  pollIntervalS: number,
  nowMs: number,
): boolean {
  const downloadMs = (sizeBytes / SLOWEST_BYTES_PER_S) * 1000;
  const waitMs = isDeviceLocal ? DAY_MS : 0;
  return nowMs - sinceMs > SILENT_POLLS * pollIntervalS * 1000 + downloadMs + waitMs + TRIAL_MS;
}
