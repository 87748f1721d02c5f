// What an attempt counts as, and what is done with a verdict.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEVICE_ERRORS, FAULTS } from '#protocol/device-errors.ts';
import type { Gate } from '#protocol/plan.ts';
import { type Answer, columnOf, sumAnswers } from '#engine/stage/tally.ts';
import { type GatedStage, judge, mayFail, nextStep } from '#engine/stage/tend.ts';
import { NOW_MS } from './sample-facts.ts';

function answer(change: Partial<Answer> = {}): Answer {
  return { state: 'rolled_back', cause: 'crash', isOwnFirmware: true, isAcknowledged: false, ...change };
}

describe('an attempt that ended', () => {
  test.each(DEVICE_ERRORS)('badly by $name (fault: $fault) counts as failed where the gate counts that', (error) => {
    for (const state of ['failed', 'rolled_back', 'rejected'] as const) {
      const found = answer({ state, cause: error.name });
      expect(columnOf({}, found)).toBe(error.fault === 'firmware' ? 'failed' : 'otherFailures');
      for (const fault of FAULTS)
        expect(columnOf({ fault_classes: [fault] }, found)).toBe(error.fault === fault ? 'failed' : 'otherFailures');
      expect(columnOf({ fault_classes: [...FAULTS] }, found)).toBe('failed');
    }
  });

  test('badly by an unknown cause is held against the firmware', () => {
    for (const cause of [undefined, 'of_a_newer_client']) {
      expect(columnOf({}, answer({ cause }))).toBe('failed');
      expect(columnOf({ fault_classes: ['network'] }, answer({ cause }))).toBe('otherFailures');
    }
  });

  test('before somebody resumed is another failure', () => {
    expect(columnOf({}, answer({ isAcknowledged: true }))).toBe('otherFailures');
    expect(columnOf({}, answer({ state: 'confirmed', isAcknowledged: true }))).toBe('confirmed');
  });

  test('past its deadline is silent', () => {
    expect(columnOf({}, answer({ state: 'timed_out', cause: undefined }))).toBe('silent');
  });

  test('on a firmware on the way to that of the rollout confirms nothing, but can fail', () => {
    expect(columnOf({}, answer({ state: 'confirmed', isOwnFirmware: false }))).toBeUndefined();
    expect(columnOf({}, answer({ isOwnFirmware: false }))).toBe('failed');
    expect(columnOf({}, answer({ state: 'timed_out', isOwnFirmware: false }))).toBe('silent');
  });
});

test('answers are summed by what they count as', () => {
  const counted = [
    { ...answer({ state: 'confirmed' }), devices: 7 },
    { ...answer({ state: 'confirmed', isOwnFirmware: false }), devices: 100 },
    { ...answer(), devices: 2 },
    { ...answer({ state: 'failed', cause: 'self_test' }), devices: 3 },
    { ...answer({ state: 'failed', cause: 'connection_lost' }), devices: 4 },
    { ...answer({ state: 'timed_out' }), devices: 5 },
  ];
  expect(sumAnswers({}, counted)).toEqual({ confirmed: 7, failed: 5, otherFailures: 4, silent: 5 });
});

describe('what is done with an open stage', () => {
  const gate: Gate = { min_confirmed: 2, max_failed: 1, soak_s: 60 };
  const stage: GatedStage = { name: 'few', promotion: 'auto', gate, sampleReachedAtMs: undefined };
  const counts = { confirmed: 2, failed: 0, otherFailures: 0, silent: 0, open: 0, available: 10 };
  const stepOf = (change: Partial<GatedStage>, seen: Partial<typeof counts> = {}) => {
    const asked = { ...stage, ...change };
    return nextStep(asked, judge(asked, { ...counts, ...seen }, NOW_MS));
  };

  test('nothing while the sample is not confirmed', () => {
    expect(stepOf({}, { confirmed: 1 })).toEqual({ do: 'stay' });
  });

  test('the sample is stored once, and begins anew where it is not there any more', () => {
    expect(stepOf({})).toEqual({ do: 'save_sample', isReached: true });
    expect(stepOf({ sampleReachedAtMs: NOW_MS })).toEqual({ do: 'stay' });
    expect(stepOf({ sampleReachedAtMs: NOW_MS - 60_000 }, { confirmed: 1 })).toEqual({
      do: 'save_sample',
      isReached: false,
    });
  });

  test('it is promoted when the gate has passed, where nobody is asked', () => {
    expect(stepOf({ sampleReachedAtMs: NOW_MS - 60_000 })).toMatchObject({ do: 'promote' });
    expect(stepOf({ sampleReachedAtMs: NOW_MS - 59_999 })).toEqual({ do: 'stay' });
    expect(stepOf({ sampleReachedAtMs: NOW_MS - 60_000, promotion: 'manual' })).toEqual({ do: 'stay' });
  });

  test('a gate without soak passes only once the sample is stored', () => {
    const hasty = { gate: { min_confirmed: 2 } };
    expect(stepOf(hasty)).toEqual({ do: 'save_sample', isReached: true });
    expect(stepOf({ ...hasty, sampleReachedAtMs: NOW_MS })).toMatchObject({ do: 'promote' });
  });

  test('what may fail is found without counting who is available, and nothing that fails is missed', () => {
    const number = fc.constantFrom(0, 1, 2, 5, 20);
    const asked = fc.record({
      min_confirmed: fc.constantFrom(1, 5, 20),
      max_failed: fc.constantFrom(0, 1, 5),
      max_failed_pct: fc.constantFrom(0, 10, 50, 100),
    });
    const answers = fc.record({ confirmed: number, failed: number, otherFailures: number, silent: number });
    const seen = { spared: 0, failed: 0 };
    fc.assert(
      fc.property(asked, answers, number, (gateOf, found, available) => {
        const gated = { ...stage, gate: gateOf };
        const may = mayFail(gated, found, NOW_MS);
        const { verdict } = judge(gated, { ...found, open: 0, available }, NOW_MS);
        seen.spared += Number(!may && found.failed > 0);
        seen.failed += Number(verdict.state === 'failed');
        expect(may || verdict.state !== 'failed').toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(seen.spared).toBeGreaterThan(50);
    expect(seen.failed).toBeGreaterThan(50);
  });

  test('a gate that failed halts before anything else', () => {
    expect(stepOf({}, { failed: 2, confirmed: 0 })).toMatchObject({ do: 'halt' });
    expect(stepOf({}, { failed: 2 })).toEqual({
      do: 'halt',
      reason: 'the gate of stage few failed: 2 failed, at most 1 may',
    });
  });
});
