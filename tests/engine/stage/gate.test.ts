// The gate of a stage: a case for each condition of the table, and what holds for all numbers.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Gate } from '#protocol/admin/plan.ts';
import { CONDITIONS, judgeStage, needsSilence, type GateCounts } from '#engine/stage/gate.ts';
import type { Silence } from '#engine/stage/silence.ts';
import { NOBODY } from './sample-counts.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 10);
const HOUR_MS = 3_600_000;
const GATE: Gate = { min_confirmed: 3, max_failed: 1, max_silent_pct: 20, soak_s: 3_600 };

const NO_COUNTS: GateCounts = {
  ...NOBODY,
  available: 10,
  isUndecided: false,
  asleep: 0,
  isNobodyLeft: false,
  silence: undefined,
  trialSilence: undefined,
  usualSuspects: 0,
  heapDropPct: undefined,
  moreRestartsPct: undefined,
};

/** The boards without the build, heard of as this says since the lost ones were. */
function heard(without: Partial<Silence['without']>, more: Partial<Silence> = {}): Silence {
  const nobody = { alive: 0, overdue: 0, notDue: 0 };
  const of = { ...nobody, ...without };
  return { lastHeardAtMs: NOW_MS - HOUR_MS, without: of, all: of, everyone: of, usualShare: 0, ...more };
}

interface Case {
  readonly name: string;
  readonly gate?: Partial<Gate>;
  readonly gateCounts: Partial<GateCounts>;
  readonly text: string;
}

const CASES: Readonly<Record<(typeof CONDITIONS)[number]['id'], readonly Case[]>> = {
  unknown: [{ name: 'a count is no number', gateCounts: { healthy: Number.NaN }, text: 'a number is missing' }],
  outage_on_trial: [
    {
      name: 'trials ran out while boards without the build were silent',
      gateCounts: { healthy: 7, failed: 3, ranOut: 2, trialSilence: heard({ alive: 7, overdue: 3 }) },
      text: '3 failed, 2 of them as their trial ran out; outage: boards without the build were silent too',
    },
    {
      name: 'too few of them were to check in',
      gateCounts: { failed: 2, ranOut: 2, trialSilence: heard({ alive: 2, notDue: 8 }) },
      text: '2 failed, 2 of them as their trial ran out; waits to hear of boards without the build',
    },
    {
      name: 'of a share',
      gate: { max_failed: undefined, max_failed_pct: 20 },
      gateCounts: { healthy: 3, soaking: 2, failed: 2, ranOut: 1, trialSilence: heard({ overdue: 5 }) },
      text: '2 failed, 1 of them as their trial ran out; outage: boards without the build were silent too',
    },
  ],
  max_failed: [
    {
      name: 'trials ran out, and the others were heard of',
      gateCounts: { failed: 2, ranOut: 2, trialSilence: heard({ alive: 10 }) },
      text: '2 failed, at most 1 may',
    },
    {
      name: 'trials ran out, and fewer than five are without the build',
      gateCounts: { failed: 2, ranOut: 2, trialSilence: heard({ overdue: 4 }) },
      text: '2 failed, at most 1 may',
    },
    {
      name: 'trials ran out in an outage of more than two hours',
      gateCounts: {
        failed: 2,
        ranOut: 2,
        trialSilence: heard({ overdue: 10 }, { lastHeardAtMs: NOW_MS - 2 * HOUR_MS - 1 }),
      },
      text: '2 failed, at most 1 may',
    },
    {
      name: 'enough failed beside those whose trial ran out',
      gateCounts: { failed: 3, ranOut: 1, trialSilence: heard({ overdue: 10 }) },
      text: '3 failed, at most 1 may',
    },
    { name: 'two failed, one may', gateCounts: { failed: 2 }, text: '2 failed, at most 1 may' },
    {
      name: 'every board says panic, and no other does',
      gateCounts: { soaking: 10, suspects: 10 },
      text: '10 failed, at most 1 may',
    },
    {
      name: 'more boards say panic than without the build',
      gateCounts: { healthy: 10, suspects: 6, usualSuspects: 0.4 },
      text: '2 failed, at most 1 may',
    },
  ],
  max_failed_pct: [
    {
      name: 'a quarter of those that answered',
      gate: { max_failed: undefined, max_failed_pct: 20 },
      gateCounts: { healthy: 1, soaking: 2, failed: 1 },
      text: '1 of 4 failed, at most 20 % may',
    },
  ],
  outage: [
    {
      name: 'boards without the build are silent too',
      gateCounts: { healthy: 8, lost: 2, silence: heard({ alive: 7, overdue: 3 }) },
      text: '2 of 10 that were given the build are silent; outage: so are other boards',
    },
    {
      name: 'too few of them were to check in',
      gateCounts: { healthy: 8, lost: 2, silence: heard({ alive: 3, notDue: 20 }) },
      text: '2 of 10 that were given the build are silent; waits to hear of boards without it',
    },
    {
      name: 'the silence of others was not counted',
      gateCounts: { healthy: 8, lost: 2 },
      text: '2 of 10 that were given the build are silent; waits to hear of boards without it',
    },
    {
      name: 'with fewer than five without the build, a fifth of all',
      gateCounts: {
        healthy: 8,
        lost: 2,
        silence: heard({ alive: 4 }, { all: { alive: 8, overdue: 2, notDue: 0 } }),
      },
      text: '2 of 10 that were given the build are silent; outage: so are other boards',
    },
    {
      name: 'with almost nobody without the build, those that vanished are silent boards too',
      gateCounts: {
        healthy: 40,
        lost: 20,
        silence: heard(
          { alive: 2 },
          { all: { alive: 42, overdue: 0, notDue: 0 }, everyone: { alive: 42, overdue: 20, notDue: 0 } },
        ),
      },
      text: '20 of 60 that were given the build are silent; outage: so are other boards',
    },
  ],
  outage_too_long: [
    {
      name: 'since more than two hours',
      gateCounts: { healthy: 8, lost: 2, silence: heard({ overdue: 10 }, { lastHeardAtMs: NOW_MS - 2 * HOUR_MS - 1 }) },
      text: 'outage for more than 2 h: 2 of 10 that were given the build are silent',
    },
  ],
  max_lost: [
    {
      name: 'two of ten vanished, the others are heard of',
      gateCounts: { healthy: 8, lost: 2, silence: heard({ alive: 10 }) },
      text: '2 of 10 that were given the build are lost',
    },
    {
      name: 'the only one vanished',
      gateCounts: { lost: 1, silence: heard({ alive: 10 }) },
      text: '1 of 1 that were given the build are lost',
    },
    {
      name: 'the pilots of a small fleet vanished, and the few without the build are heard of',
      gateCounts: {
        lost: 4,
        silence: heard(
          { alive: 4 },
          { all: { alive: 4, overdue: 0, notDue: 0 }, everyone: { alive: 4, overdue: 4, notDue: 0 } },
        ),
      },
      text: '4 of 4 that were given the build are lost',
    },
    {
      name: 'more that had been healthy fell silent than of the others',
      gateCounts: { healthy: 80, lostLater: 20, silence: heard({ alive: 10 }, { usualShare: 0.1 }) },
      text: '10 of 100 that were given the build are lost',
    },
  ],
  max_heap_drop_pct: [
    {
      name: 'a third of the heap is gone',
      gate: { max_heap_drop_pct: 20 },
      gateCounts: { heapDropPct: 33.4 },
      text: 'free heap fell by 33 %, at most 20 % may',
    },
  ],
  max_more_restarts_pct: [
    {
      name: 'they restart three times as often',
      gate: { max_more_restarts_pct: 100 },
      gateCounts: { moreRestartsPct: 200 },
      text: '200 % more restarts than before, at most 100 % may be',
    },
  ],
  nobody_left: [
    { name: 'all run it', gateCounts: { isNobodyLeft: true }, text: 'every board of the stage runs the build already' },
  ],
  min_confirmed: [
    {
      name: 'two of three',
      gateCounts: { healthy: 2, soaking: 1, installing: 4, open: 2 },
      text: '2 of 3 healthy, 1 soaking (1 h each), 4 installing or on trial, 2 on the way',
    },
    { name: 'fewer are there', gateCounts: { available: 2, healthy: 1 }, text: '1 of 2 healthy' },
    { name: 'nobody is there', gateCounts: { available: 0 }, text: '0 of 1 healthy' },
  ],
  undecided: [
    {
      name: 'one more soaks',
      gateCounts: { healthy: 3, soaking: 1, isUndecided: true },
      text: '3 healthy, 1 soaking (1 h each)',
    },
  ],
  max_silent_pct: [
    { name: 'a quarter', gateCounts: { healthy: 3, silent: 1 }, text: '1 of 4 are silent, at most 20 % may be' },
  ],
  passed: [
    { name: 'enough are healthy', gateCounts: { healthy: 3, failed: 1 }, text: '3 of 4 healthy, 1 failed' },
    { name: 'one of twenty is lost', gateCounts: { healthy: 19, lost: 1 }, text: '19 of 19 healthy, 0 failed, 1 lost' },
    {
      name: 'as many boards say panic without the build',
      gateCounts: { healthy: 10, suspects: 4, usualSuspects: 0.4 },
      text: '10 of 10 healthy, 0 failed',
    },
  ],
};

describe.each(CONDITIONS)('the condition $id', ({ id, state }) => {
  test.each(CASES[id])('decides: $name', ({ gate, gateCounts, text }) => {
    const verdict = judgeStage({ ...GATE, ...gate }, { ...NO_COUNTS, ...gateCounts }, NOW_MS);
    expect(verdict).toMatchObject({ condition: id, state, text });
  });
});

test('lost boards and outages call people and take nothing back by themselves', () => {
  const verdicts = [...CASES.max_lost, ...CASES.outage_too_long].map(({ gateCounts }) =>
    judgeStage(GATE, { ...NO_COUNTS, ...gateCounts }, NOW_MS),
  );
  expect(verdicts.every(({ state, mayRevert }) => state === 'failed' && !mayRevert)).toBe(true);
  expect(judgeStage(GATE, { ...NO_COUNTS, failed: 2 }, NOW_MS)).toMatchObject({ state: 'failed', mayRevert: true });
});

test.each([
  { lost: 1, healthy: 9, isAsked: false },
  { lost: 2, healthy: 8, isAsked: true },
  { lost: 2, healthy: 38, isAsked: false },
  { lost: 3, healthy: 37, isAsked: true },
  { lost: 1, healthy: 4, isAsked: false },
  { lost: 2, healthy: 4, isAsked: true },
  { lost: 1, healthy: 0, isAsked: true },
])('with $lost lost beside $healthy healthy the silence of the others matters: $isAsked', ({ isAsked, ...counts }) => {
  expect(needsSilence(GATE, { ...NO_COUNTS, ...counts })).toBe(isAsked);
});

const count = fc.integer({ min: 0, max: 50 });
const anyCounts: fc.Arbitrary<GateCounts> = fc.record({
  healthy: count,
  soaking: count,
  installing: count,
  failed: count,
  ranOut: fc.constant(0),
  otherFailures: count,
  lost: count,
  lostLater: count,
  suspects: fc.constant(0),
  silent: count,
  open: count,
  hopeful: count,
  available: count,
  isUndecided: fc.boolean(),
  asleep: fc.constant(0),
  isNobodyLeft: fc.constant(false),
  silence: fc.option(
    fc.record({ alive: count, overdue: count, notDue: count }).map((without) => heard(without)),
    { nil: undefined },
  ),
  trialSilence: fc.constant(undefined),
  usualSuspects: fc.constant(0),
  heapDropPct: fc.constant(undefined),
  moreRestartsPct: fc.constant(undefined),
});

describe('whatever the numbers', () => {
  test('no gate passes without a healthy sample, with one undecided, or beyond its limits', () => {
    fc.assert(
      fc.property(anyCounts, (gateCounts) => {
        if (judgeStage(GATE, gateCounts, NOW_MS).state !== 'passed') return;
        expect(gateCounts.healthy).toBeGreaterThanOrEqual(Math.max(1, Math.min(3, gateCounts.available)));
        expect(gateCounts.isUndecided).toBe(false);
        expect(gateCounts.failed).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('time alone never passes a gate', () => {
    fc.assert(
      fc.property(anyCounts, fc.integer({ min: 0, max: 365 * 24 }), (gateCounts, hours) => {
        if (judgeStage(GATE, gateCounts, NOW_MS).state === 'passed') return;
        expect(judgeStage(GATE, gateCounts, NOW_MS + hours * HOUR_MS).state).not.toBe('passed');
      }),
    );
  });

  test('one more failure never makes a gate better', () => {
    const order = { failed: 0, waiting: 1, passed: 2 };
    fc.assert(
      fc.property(anyCounts, (gateCounts) => {
        const before = judgeStage(GATE, gateCounts, NOW_MS);
        const after = judgeStage(GATE, { ...gateCounts, failed: gateCounts.failed + 1 }, NOW_MS);
        if (before.condition !== 'max_lost') expect(order[after.state]).toBeLessThanOrEqual(order[before.state]);
      }),
    );
  });
});
