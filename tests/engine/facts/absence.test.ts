// Spans of time without those in which no server was there.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { absentMs, elapsedMs, hasAbsence, instantBeforeMs, type Absence } from '#engine/facts/absence.ts';

const away = (fromMs: number, toMs: number): Absence => ({ fromMs, toMs });

describe('the absent part of 100..200', () => {
  test.each([
    ['nothing', [], 0],
    ['an absence before it', [away(0, 100)], 0],
    ['an absence after it', [away(200, 300)], 0],
    ['one that reaches into it', [away(50, 120)], 20],
    ['one that reaches out of it', [away(180, 500)], 20],
    ['one around it', [away(0, 900)], 100],
    ['two that overlap', [away(120, 150), away(140, 160)], 40],
    ['two that touch, the later one first', [away(130, 140), away(120, 130)], 20],
    ['one inside the other', [away(120, 180), away(140, 150)], 60],
    ['one that ends before it begins', [away(180, 120)], 0],
  ])('with %s', (_, absences, expected) => {
    expect(absentMs(absences, 100, 200)).toBe(expected);
    expect(elapsedMs(absences, 100, 200)).toBe(100 - expected);
    expect(hasAbsence(absences, 100, 200)).toBe(expected > 0);
    expect(absentMs(absences, 200, 100), 'a span that ends before it begins').toBe(0);
  });
});

const instant = fc.integer({ min: -1_000, max: 1_000 });
const absence = fc.record({ fromMs: instant, toMs: instant });

test('every millisecond counts once', () => {
  fc.assert(
    fc.property(fc.array(absence, { maxLength: 8 }), instant, instant, (absences, fromMs, toMs) => {
      let slow = 0;
      for (let ms = fromMs; ms < toMs; ms += 1)
        if (absences.some((one) => one.fromMs <= ms && ms < one.toMs)) slow += 1;
      expect(absentMs(absences, fromMs, toMs)).toBe(slow);
    }),
  );
});

test('so much has elapsed since the instant before, and less since any later one', () => {
  fc.assert(
    fc.property(fc.array(absence, { maxLength: 8 }), fc.integer({ min: 1, max: 500 }), (absences, spanMs) => {
      const beforeMs = instantBeforeMs(absences, spanMs, 1_500);
      expect(elapsedMs(absences, beforeMs, 1_500)).toBe(spanMs);
      expect(elapsedMs(absences, beforeMs + 1, 1_500)).toBeLessThan(spanMs);
    }),
  );
});

test('where nothing is away, an instant is as long ago as it is', () => {
  expect(instantBeforeMs([], 300, 1_000)).toBe(700);
  expect(elapsedMs([], 1_200, 1_000), 'an instant that is still to come').toBe(-200);
});
