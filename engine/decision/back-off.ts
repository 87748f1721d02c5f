// How long a build rests on a device after a failed attempt: 1 min, doubled each time, at most 6 h, and at most 15 min after
// one for which it was only not the time.

import { FIRST_BACK_OFF_MS, LAST_BACK_OFF_MS, NOT_NOW_BACK_OFF_MS } from '#protocol/limits.ts';
import { isNotNow } from '#engine/assignment/weight.ts';
import type { BuildHistory } from '#engine/facts/model.ts';

/** The instant from which the build may be offered again; undefined where it never failed. */
export function nextOfferAtMs(history: BuildHistory): number | undefined {
  if (history.lastFailedAtMs === undefined || history.failedAttempts < 1) return undefined;
  const restMs = backOffMs(history.failedAttempts);
  return history.lastFailedAtMs + (isNotNow(history.lastError) ? Math.min(restMs, NOT_NOW_BACK_OFF_MS) : restMs);
}

export function backOffMs(failedAttempts: number): number {
  const doublings = Math.min(failedAttempts - 1, 20);
  return Math.min(FIRST_BACK_OFF_MS * 2 ** doublings, LAST_BACK_OFF_MS);
}
