// The deadline of an assignment: three polls, the download at its slowest, ten minutes; longer by what no server was there
// for, and for a board that gives signs of life while it holds the image.

import { describe, expect, test } from 'vitest';
import { type Deadline, isOverdue } from '#engine/assignment/deadline.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import { NOW_MS } from '../sample-facts.ts';

const SILENCE_MS = 3 * 600_000;
const LIMIT_MS = SILENCE_MS + 1_000_000 + 600_000;
const DAY_MS = 86_400_000;

/** Unchanged for so long, and silent since then. */
function silentFor(agoMs: number, change: Partial<Deadline> = {}): Deadline {
  const sinceMs = NOW_MS - agoMs;
  return {
    state: 'offered',
    sinceMs,
    seenAtMs: sinceMs,
    silenceMs: SILENCE_MS,
    sizeBytes: 2_048_000,
    isPostponed: false,
    isDeviceLocal: false,
    ...change,
  };
}

test.each([
  [LIMIT_MS, false],
  [LIMIT_MS + 1, true],
  [0, false],
  [-DAY_MS, false],
  [Number.NaN, false],
])('an assignment that has not changed for %i ms is overdue: %s', (agoMs, expected) => {
  expect(isOverdue(silentFor(agoMs), [], NOW_MS)).toBe(expected);
});

test('one that waits for hours of its own day has a day more', () => {
  const waiting = silentFor(LIMIT_MS + DAY_MS, { isDeviceLocal: true });
  expect(isOverdue(waiting, [], NOW_MS)).toBe(false);
  expect(isOverdue(waiting, [], NOW_MS + 1)).toBe(true);
});

test('time in which no server was there does not count', () => {
  const absentMs = DAY_MS;
  const absences = [{ fromMs: NOW_MS - 60_000 - absentMs, toMs: NOW_MS - 60_000 }];
  expect(isOverdue(silentFor(LIMIT_MS + absentMs), absences, NOW_MS)).toBe(false);
  expect(isOverdue(silentFor(LIMIT_MS + absentMs + 1), absences, NOW_MS)).toBe(true);
});

describe('a board that was seen within three of its polls', () => {
  const seenAtMs = NOW_MS - SILENCE_MS;
  const isLate = (state: AssignmentState, agoMs: number, change: Partial<Deadline> = {}): boolean =>
    isOverdue(silentFor(agoMs, { state, seenAtMs, ...change }), [], NOW_MS);

  test('may hold a downloaded image for as long as it likes', () => {
    expect(isLate('downloaded', 365 * DAY_MS)).toBe(false);
    expect(isLate('downloaded', 365 * DAY_MS, { seenAtMs: seenAtMs - 1 })).toBe(true);
  });

  test.each(['offered', 'downloading'] as const)('has a day more when it is at %s: it may hold the image', (state) => {
    expect(isLate(state, LIMIT_MS + DAY_MS)).toBe(false);
    expect(isLate(state, LIMIT_MS + DAY_MS + 1)).toBe(true);
    expect(isLate(state, LIMIT_MS + 1, { seenAtMs: seenAtMs - 1 })).toBe(true);
  });

  test.each(['installing', 'trial'] as const)('has no time more when it is at %s', (state) => {
    expect(isLate(state, LIMIT_MS)).toBe(false);
    expect(isLate(state, LIMIT_MS + 1)).toBe(true);
  });

  test('is one that polls as seldom as it was told', () => {
    const seldom = { seenAtMs: NOW_MS - 3 * 3_600_000, silenceMs: 3 * 3_600_000 };
    expect(isLate('downloaded', 30 * DAY_MS, seldom)).toBe(false);
    expect(isLate('downloaded', 30 * DAY_MS, { ...seldom, silenceMs: 3 * 3_600_000 - 1 })).toBe(true);
  });

  test('is one that was seen before an absence, too', () => {
    const absences = [{ fromMs: NOW_MS - DAY_MS, toMs: NOW_MS - 60_000 }];
    const downloaded = silentFor(2 * DAY_MS, { state: 'downloaded', seenAtMs: NOW_MS - DAY_MS - 60_000 });
    expect(isOverdue(downloaded, absences, NOW_MS)).toBe(false);
  });
});
