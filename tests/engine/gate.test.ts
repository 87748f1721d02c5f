// The table of the gate, one condition after the other: numbers where it decides, and numbers that miss it by one step.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Gate } from '#protocol/plan.ts';
import { CONDITIONS, hasSample, judgeStage, type Tally } from '#engine/stage/gate.ts';
import { NOW_MS } from './sample-facts.ts';

const gate: Gate = { min_confirmed: 10, max_failed: 2, max_failed_pct: 10, max_silent_pct: 20, soak_s: 600 };

/** Ten confirmed, soaked: passes. */
function tally(change: Partial<Tally> = {}): Tally {
  return {
    confirmed: 10,
    failed: 0,
    otherFailures: 0,
    silent: 0,
    open: 0,
    available: 50,
    sampleReachedAtMs: NOW_MS - 600_000,
    ...change,
  };
}

type Id = (typeof CONDITIONS)[number]['id'];
interface Row {
  readonly of: Tally;
  readonly by?: Gate;
}
const onlyShare: Gate = { min_confirmed: 10, max_failed_pct: 10 };

const CASES: Readonly<Record<Id, { readonly decides: readonly Row[]; readonly nearMiss: Row; readonly next: Id }>> = {
  unknown: {
    decides: [
      ...(['confirmed', 'failed', 'otherFailures', 'silent', 'open', 'available'] as const).flatMap((count) => [
        { of: tally({ [count]: Number.NaN }) },
        { of: tally({ [count]: -1 }) },
        { of: tally({ [count]: Number.POSITIVE_INFINITY }) },
      ]),
      { of: tally({ sampleReachedAtMs: Number.NaN }) },
      { of: tally(), by: { ...gate, min_confirmed: Number.NaN } },
      { of: tally(), by: { ...gate, max_failed_pct: Number.NaN } },
      { of: tally(), by: { ...gate, soak_s: Number.NaN } },
    ],
    nearMiss: { of: tally() },
    next: 'passed',
  },
  max_failed: {
    decides: [{ of: tally({ failed: 3 }) }, { of: tally({ confirmed: 0, failed: 3 }) }],
    nearMiss: { of: tally({ confirmed: 0, failed: 2 }) },
    next: 'min_confirmed',
  },
  max_failed_pct: {
    decides: [
      { of: tally({ confirmed: 8, failed: 2 }) },
      { of: tally({ confirmed: 17, failed: 2 }) },
      { of: tally({ confirmed: 0, failed: 1, available: 1 }), by: onlyShare },
      { of: tally({ confirmed: 3, failed: 2, otherFailures: 5 }) },
    ],
    nearMiss: { of: tally({ confirmed: 18, failed: 2 }) },
    next: 'passed',
  },
  nobody_left: {
    decides: [
      { of: tally({ confirmed: 0, available: 0, sampleReachedAtMs: undefined, isNobodyLeft: true }) },
      {
        of: tally({ confirmed: 0, failed: 1, available: 0, sampleReachedAtMs: undefined, isNobodyLeft: true }),
        by: { min_confirmed: 10, max_failed: 1 },
      },
    ],
    nearMiss: { of: tally({ confirmed: 0, available: 0, sampleReachedAtMs: undefined, isNobodyLeft: false }) },
    next: 'min_confirmed',
  },
  min_confirmed: {
    decides: [
      { of: tally({ confirmed: 9 }) },
      { of: tally({ confirmed: 7, failed: 2 }) },
      { of: tally({ confirmed: 0, available: 0 }) },
      { of: tally({ confirmed: 4, available: 5 }) },
      { of: tally({ confirmed: 0, silent: 50 }) },
    ],
    nearMiss: { of: tally({ confirmed: 5, available: 5 }) },
    next: 'passed',
  },
  max_silent_pct: {
    decides: [{ of: tally({ silent: 3 }) }],
    nearMiss: { of: tally({ confirmed: 12, silent: 3 }) },
    next: 'passed',
  },
  soak: {
    decides: [
      { of: tally({ sampleReachedAtMs: NOW_MS - 599_999 }) },
      { of: tally({ sampleReachedAtMs: undefined }) },
      { of: tally({ sampleReachedAtMs: NOW_MS + 86_400_000 }) },
    ],
    nearMiss: { of: tally({ sampleReachedAtMs: NOW_MS - 600_000 }) },
    next: 'passed',
  },
  passed: {
    decides: [
      { of: tally() },
      { of: tally({ open: 40, otherFailures: 30 }) },
      { of: tally({ sampleReachedAtMs: undefined }), by: onlyShare },
    ],
    nearMiss: { of: tally({ confirmed: 9 }) },
    next: 'min_confirmed',
  },
};

const ROWS = CONDITIONS.map(({ id, state }) => Object.assign({ id, state }, CASES[id]));

describe.each(ROWS)('condition $id', ({ id, state, decides, nearMiss, next }) => {
  test(`decides: ${state}`, () => {
    for (const { of, by } of decides) {
      const verdict = judgeStage(by ?? gate, of, NOW_MS);
      expect(verdict).toMatchObject({ condition: id, state });
      expect(verdict.text).not.toMatch(/NaN|undefined/);
    }
  });

  test(`does not decide one step away: ${next} does`, () => {
    expect(judgeStage(nearMiss.by ?? gate, nearMiss.of, NOW_MS).condition).toBe(next);
  });
});

test('an instant that is none never passes', () => {
  expect(judgeStage(gate, tally(), Number.NaN).state).toBe('waiting');
});

const count = fc.constantFrom(0, 0, 1, 2, 5, 9, 10, 11, 100, Number.NaN);
const share = fc.option(fc.constantFrom(0, 1, 10, 50, 100), { nil: undefined });
const anyGate: fc.Arbitrary<Gate> = fc
  .record({
    min_confirmed: fc.constantFrom(1, 5, 10),
    max_failed: fc.option(fc.constantFrom(0, 2), { nil: undefined }),
    max_failed_pct: share,
    max_silent_pct: share,
    soak_s: fc.option(fc.constantFrom(0, 600), { nil: undefined }),
  })
  .map((members) => JSON.parse(JSON.stringify(members)));
const anyTally: fc.Arbitrary<Tally> = fc.record({
  confirmed: count,
  failed: count,
  otherFailures: count,
  silent: count,
  open: count,
  available: count,
  sampleReachedAtMs: fc.option(fc.constantFrom(NOW_MS, NOW_MS - 600_000, Number.NaN), { nil: undefined }),
});

test('what passes has shown everything that the gate asks for', () => {
  let passed = 0;
  fc.assert(
    fc.property(anyGate, anyTally, (asked, seen) => {
      if (judgeStage(asked, seen, NOW_MS).state !== 'passed') return;
      passed += 1;
      const answered = seen.confirmed + seen.failed + seen.otherFailures;
      expect(seen.confirmed).toBeGreaterThanOrEqual(1);
      expect(seen.confirmed).toBeGreaterThanOrEqual(Math.min(asked.min_confirmed, seen.available));
      expect(hasSample(asked, seen)).toBe(true);
      expect(seen.failed).toBeLessThanOrEqual(asked.max_failed ?? 100);
      expect((seen.failed / answered) * 100).toBeLessThanOrEqual(asked.max_failed_pct ?? 100);
      expect((seen.silent / (answered + seen.silent)) * 100).toBeLessThanOrEqual(asked.max_silent_pct ?? 100);
      expect(asked.soak_s === undefined || asked.soak_s === 0 || (seen.sampleReachedAtMs ?? NOW_MS) < NOW_MS).toBe(
        true,
      );
    }),
    { numRuns: 3_000 },
  );
  expect(passed).toBeGreaterThan(50);
});

test('time alone never passes a gate', () => {
  fc.assert(
    fc.property(anyGate, anyTally, fc.nat(10 ** 12), (asked, seen, laterMs) => {
      const fresh = { ...seen, sampleReachedAtMs: undefined };
      const [before, after] = [NOW_MS, NOW_MS + laterMs].map((nowMs) => judgeStage(asked, fresh, nowMs).state);
      expect(after).toBe(before);
    }),
  );
});
