// The deadline of an assignment: three polls, the download at its slowest, ten minutes.

import { expect, test } from 'vitest';
import { isOverdue } from '#engine/assignment/deadline.ts';
import { NOW_MS } from './sample-facts.ts';

const LIMIT_MS = 3 * 600_000 + 1_000_000 + 600_000;

test.each([
  [LIMIT_MS, false],
  [LIMIT_MS + 1, true],
  [0, false],
  [-86_400_000, false],
  [Number.NaN, false],
])('an assignment that has not changed for %i ms is overdue: %s', (agoMs, expected) => {
  const assignment = { sinceMs: NOW_MS - agoMs, sizeBytes: 2_048_000, isDeviceLocal: false };
  expect(isOverdue(assignment, 600, NOW_MS)).toBe(expected);
});

test('one that waits for hours of its own day has a day more', () => {
  const assignment = { sinceMs: NOW_MS - LIMIT_MS - 86_400_000, sizeBytes: 2_048_000, isDeviceLocal: true };
  expect(isOverdue(assignment, 600, NOW_MS)).toBe(false);
  expect(isOverdue(assignment, 600, NOW_MS + 1)).toBe(true);
});
