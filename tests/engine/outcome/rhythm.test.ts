// The rhythm of a board: which gap is its habit, and after how long it is silent.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addGap,
  expectedIntervalS,
  isFlapping,
  overdueLimitS,
  silenceLimitS,
  usualGapS,
} from '#engine/outcome/rhythm.ts';

const HOUR_S = 3_600;
const DAY_S = 86_400;

/** The gaps after these, the oldest first. */
const after = (...gaps: readonly number[]): readonly number[] =>
  gaps.reduce<readonly number[]>((kept, gap) => addGap(kept, gap), []);

describe('the usual gap', () => {
  test.each([
    { of: 'a board that was never seen twice', gaps: [], usual: 0 },
    { of: 'a board that was seen twice', gaps: [600], usual: 0 },
    { of: 'a steady board', gaps: [600, 600, 600, 600], usual: 600 },
    { of: 'a steady board with one outage', gaps: [600, 600, 7 * HOUR_S, 600], usual: 600 },
    { of: 'a board that slept six hours twice', gaps: [600, 6 * HOUR_S, 6 * HOUR_S], usual: 6 * HOUR_S },
    { of: 'a board that checks soon and late in turn', gaps: [60, 6 * HOUR_S, 60, 6 * HOUR_S], usual: 6 * HOUR_S },
    { of: 'a board that sleeps no more', gaps: [DAY_S, DAY_S, 60, 60, 60], usual: 60 },
    { of: 'a board with two outages long ago', gaps: [DAY_S, DAY_S, 60, 60, 60, 60], usual: 60 },
  ])('of $of is $usual s', ({ gaps, usual }) => {
    expect(usualGapS(after(...gaps))).toBe(usual);
  });

  test('is one of the last four, and not the longest alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 15, max: 10 * DAY_S }), { minLength: 2, maxLength: 12 }), (gaps) => {
        const kept = after(...gaps);
        const usual = usualGapS(kept);
        expect(kept).toHaveLength(Math.min(4, gaps.length));
        expect(kept).toContain(usual);
        expect(kept.filter((gap) => gap >= usual).length).toBeGreaterThanOrEqual(2);
      }),
    );
  });
});

describe('a gap', () => {
  test('is kept in whole seconds, the latest first', () => {
    expect(addGap([600], 59.6)).toEqual([60, 600]);
  });

  test('is without the time in which no server answered', () => {
    expect(addGap([], 7_200, 3_600_000)).toEqual([3_600]);
    expect(addGap([600], 3_600, 3_600_000)).toEqual([600]);
  });

  test.each([14, 0, -5, Number.NaN])('of %d s is none', (gapS) => {
    expect(addGap([600], gapS)).toEqual([600]);
  });

  test('between two checks of one waking leaves the rhythm as it is', () => {
    expect(usualGapS(after(6 * HOUR_S, 5, 5, 5, 6 * HOUR_S, 5, 5, 5))).toBe(6 * HOUR_S);
  });
});

describe('the limit of silence is three times', () => {
  const DEFAULT_S = 1_200;
  test.each([
    { what: 'what it was told', rhythm: { intervalS: 300, gaps: [], nextCheckS: undefined }, limit: 900 },
    { what: 'its usual gap where that is longer', rhythm: { intervalS: 300, gaps: [DAY_S, DAY_S] }, limit: 3 * DAY_S },
    { what: 'what it was told where that is longer', rhythm: { intervalS: 900, gaps: [300, 300] }, limit: 2_700 },
    { what: 'the default where it was told nothing', rhythm: { gaps: [] }, limit: 3 * DEFAULT_S },
    { what: 'the default, one gap being no habit', rhythm: { gaps: [DAY_S] }, limit: 3 * DEFAULT_S },
    { what: 'what it announces', rhythm: { intervalS: 300, gaps: [300, 300], nextCheckS: DAY_S }, limit: 3 * DAY_S },
    {
      what: 'what it was told where it announces less, whatever it did before',
      rhythm: { intervalS: 300, gaps: [DAY_S, DAY_S], nextCheckS: 60 },
      limit: 900,
    },
  ])('$what', ({ rhythm, limit }) => {
    expect(silenceLimitS({ intervalS: undefined, nextCheckS: undefined, ...rhythm }, DEFAULT_S)).toBe(limit);
  });

  test('the default at least, after an offer: the board downloads and restarts before it asks again', () => {
    expect(expectedIntervalS({ intervalS: 150, isOffer: true }, DEFAULT_S)).toBe(DEFAULT_S);
    expect(expectedIntervalS({ intervalS: 150, isOffer: false }, DEFAULT_S)).toBe(150);
    expect(expectedIntervalS({ intervalS: 7_200, isOffer: true }, DEFAULT_S)).toBe(7_200);
  });
});

describe('a board is flapping', () => {
  test.each([
    { of: 'a board that was seen a few times', gaps: [600, 6 * HOUR_S, 600], is: false },
    { of: 'a steady board', gaps: [600, 600, 600, 600], is: false },
    { of: 'a steady board with one outage', gaps: [600, 600, 7 * HOUR_S, 600], is: false },
    { of: 'a board that comes and goes', gaps: [600, 2 * HOUR_S, 610, 3 * HOUR_S], is: true },
    { of: 'a board that comes two intervals late', gaps: [600, 1_200, 600, 1_200], is: false },
    { of: 'a board that always sleeps six hours', gaps: [6 * HOUR_S, 6 * HOUR_S, 6 * HOUR_S, 6 * HOUR_S], is: false },
    { of: 'a board that was told to come often for a while', gaps: [1_200, 1_200, 150, 150], is: false },
  ])('$of: $is', ({ gaps, is }) => {
    expect(isFlapping({ intervalS: 600, gaps: after(...gaps) }, 600)).toBe(is);
  });

  test('not by an interval that it is told itself: one that is told to sleep a day comes in time after a day', () => {
    const gaps = after(DAY_S, 3 * DAY_S, DAY_S, DAY_S);
    expect(isFlapping({ intervalS: DAY_S, gaps }, 600)).toBe(false);
  });
});

test('a board is overdue half way to its silence', () => {
  expect(overdueLimitS(silenceLimitS({ intervalS: 600, gaps: [], nextCheckS: undefined }, 600))).toBe(900);
});
