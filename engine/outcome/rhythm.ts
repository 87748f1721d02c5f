// How often a board checks in, and after how long without a check it is silent: measured by its own rhythm, so that one
// that sleeps a day is not silent after an hour. Pure; docs/rollout.md says the same in words.

import { MAX_CHECK_GAPS, MIN_POLL_INTERVAL_S, SILENT_POLLS } from '#protocol/limits.ts';

/** Checks this close together belong to one waking: a board that asks twice before it sleeps has not become a faster one. */
const SHORTEST_GAP_S = MIN_POLL_INTERVAL_S / 2;

/** A check that comes within so many of its intervals is in time. */
const IN_TIME = 1.5;

export interface Rhythm {
  /** What it was told; undefined: it was not seen since intervals are kept. */
  readonly intervalS: number | undefined;
  /** Seconds between its last checks, the latest first. */
  readonly gaps: readonly number[];
  /** When it intends to check again, as it said with its last check: it knows better than its past. */
  readonly nextCheckS: number | undefined;
}

/** The gaps after one more check, `gapS` after the one before; time in which no server answered is not the board's. */
export function addGap(gaps: readonly number[], gapS: number, absentMs = 0): readonly number[] {
  const ownS = Math.round(gapS - absentMs / 1000);
  // Also not where a clock went back, or where a number is missing.
  if (!(ownS >= SHORTEST_GAP_S)) return gaps;
  return [ownS, ...gaps].slice(0, MAX_CHECK_GAPS);
}

/**
 * The second longest of the last four: an outage counts once and is not usual, a board that slept six hours twice does it
 * again, and of a board that checks now soon and now late the late one counts. 0: not known yet.
 */
export function usualGapS(gaps: readonly number[]): number {
  return gaps.slice(0, MAX_CHECK_GAPS).toSorted((left, right) => right - left)[1] ?? 0;
}

/**
 * The interval that the board can be expected to keep, in seconds: the one it was told, unless it was told to update. It
 * downloads and restarts then, and is heard when that is done.
 */
export function expectedIntervalS(
  told: { readonly intervalS: number; readonly isOffer: boolean },
  defaultIntervalS: number,
): number {
  return told.isOffer ? Math.max(told.intervalS, defaultIntervalS) : told.intervalS;
}

/** Seconds without a check after which the board is silent. */
export function silenceLimitS({ intervalS, gaps, nextCheckS }: Rhythm, defaultIntervalS: number): number {
  return SILENT_POLLS * Math.max(intervalS ?? defaultIntervalS, nextCheckS ?? usualGapS(gaps));
}

/**
 * Whether the board comes and goes: of its last four checks two came late by three of its intervals or more, and two in time. One that always
 * sleeps longer than it is told has a rhythm of its own.
 */
export function isFlapping({ intervalS, gaps }: Pick<Rhythm, 'intervalS' | 'gaps'>, defaultIntervalS: number): boolean {
  const [longest, second, third] = gaps.slice(0, MAX_CHECK_GAPS).toSorted((left, right) => right - left);
  if (longest === undefined || second === undefined || third === undefined || gaps.length < MAX_CHECK_GAPS)
    return false;
  // Near the end of a rollout it is told to come often, and before that seldom.
  const expectedS = Math.max(intervalS ?? 0, defaultIntervalS);
  return second >= SILENT_POLLS * expectedS && third <= IN_TIME * expectedS;
}

/** Of the limit of its silence, in seconds: one check and a half has not come. */
export function overdueLimitS(silenceLimit: number): number {
  return (silenceLimit / SILENT_POLLS) * IN_TIME;
}
