// How long an assignment may stay as it is. Past its deadline it is `timed_out` and its device counts as silent; what the
// device is seen running later still decides.

import { SILENT_POLLS } from '#protocol/limits.ts';

/** A download slower than this has stalled. */
const SLOWEST_BYTES_PER_S = 2_048;

/** For the installation, the restart and the trial. */
const TRIAL_MS = 600_000;

export function isOverdue(
  assignment: { readonly updatedAtMs: number; readonly sizeBytes: number },
  pollIntervalS: number,
  nowMs: number,
): boolean {
  const downloadMs = (assignment.sizeBytes / SLOWEST_BYTES_PER_S) * 1000;
  return nowMs - assignment.updatedAtMs > SILENT_POLLS * pollIntervalS * 1000 + downloadMs + TRIAL_MS;
}
