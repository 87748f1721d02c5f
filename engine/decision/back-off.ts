// How long a build rests on a device after a failed attempt: 1 min, doubled each time, at most 6 h.

import { FIRST_BACK_OFF_MS, LAST_BACK_OFF_MS } from '#protocol/limits.ts';
import type { BuildHistory } from '../facts/model.ts';

/** The instant from which the build may be offered again; undefined where it never failed. */
export function nextOfferAtMs(history: BuildHistory): number | undefined {
  if (history.lastFailedAtMs === undefined || history.failedAttempts < 1) return undefined;
  return history.lastFailedAtMs + backOffMs(history.failedAttempts);
}

export function backOffMs(failedAttempts: number): number {
  const doublings = Math.min(failedAttempts - 1, 20);
  return Math.min(FIRST_BACK_OFF_MS * 2 ** doublings, LAST_BACK_OFF_MS);
}
