// Times as people say them, where the reader is.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { exactDuration, localMinute, localTime, relativeTime } from '#cli/views/relative-time.ts';

const before = process.env['TZ'];
beforeEach(() => {
  process.env['TZ'] = 'Europe/Berlin';
});
afterEach(() => {
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
});

test.each([
  ['2026-11-30T13:03:59.000Z', '2026-11-30 14:03:59 CET'],
  ['2026-07-01T22:30:00.000Z', '2026-07-02 00:30:00 CEST'],
  ['never', 'never'],
])('%s is %s in Berlin', (instant, local) => {
  expect(localTime(instant)).toBe(local);
});

test('without seconds', () => {
  expect(localMinute('2026-11-30T13:00:00.000Z')).toBe('2026-11-30 14:00 CET');
});

test.each([
  [90, '90 s'],
  [600, '10 min'],
  [5400, '90 min'],
  [21_600, '6 h'],
  [129_600, '36 h'],
  [172_800, '2 d'],
  [0, '0 s'],
])('a setting of %i seconds is %s, and not rounded', (seconds, text) => {
  expect(exactDuration(seconds)).toBe(text);
});

test('what was is ago, what comes is in', () => {
  const nowMs = Date.parse('2026-11-30T13:00:00Z');
  expect(relativeTime('2026-11-30T12:57:00Z', nowMs)).toBe('3 min ago');
  expect(relativeTime('2026-12-02T14:00:00Z', nowMs)).toBe('in 2 d');
  expect(relativeTime(null, nowMs)).toBe('-');
});
