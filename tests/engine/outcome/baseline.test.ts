// Health before and with a build: which times are compared, what the boards of a stage show together, and in which words.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addUpHealth,
  baselineBefore,
  compareHealth,
  healthLines,
  heapDropPct,
  moreRestartsPct,
} from '#engine/outcome/baseline.ts';
import { addCheck, addUp, type HealthHour, healthOver, hourOf, hourOfCheck } from '#engine/outcome/health.ts';

const HOUR_MS = 3_600_000;
const NOW_H = 1_000;

interface Told {
  readonly heap?: number;
  readonly block?: number;
  readonly rssi?: number;
  readonly uptimeS?: number;
  readonly restarted?: boolean;
  readonly crashed?: boolean;
}

function check(
  hour: number,
  { heap, block, rssi, uptimeS, restarted = false, crashed = false }: Told = {},
): HealthHour {
  return hourOfCheck({
    atMs: hour * HOUR_MS + 1_000,
    freeHeapBytes: heap,
    largestBlockBytes: block,
    rssiDbm: rssi,
    uptimeS,
    restarted,
    crashed,
  });
}

/** One check in each hour from `from` on and before `to`. */
const hours = (from: number, to: number, told: Told = {}): readonly HealthHour[] =>
  Array.from({ length: to - from }, (_, index) => check(from + index, told));

describe('the hours of a board', () => {
  test('take in its checks one by one', () => {
    const [first, second] = [check(7, { heap: 100, rssi: -60 }), check(7, { heap: 50, uptimeS: 9, restarted: true })];
    const kept = [first, second, check(8)].reduce<readonly HealthHour[]>(addCheck, []);
    expect(kept).toHaveLength(2);
    expect(kept[0]).toMatchObject({ hour: 7, checks: 2, heapSumBytes: 150, heapCount: 2, heapMinBytes: 50 });
    expect(kept[0]).toMatchObject({ rssiSumDbm: -60, rssiCount: 1, restarts: 1, bootSumS: 9, bootCount: 1 });
    expect(kept[0]).toMatchObject({ blockCount: 0, blockMinBytes: null, uptimeCount: 1, crashes: 0 });
  });

  test('take the place of others in the ring, also where the clock jumps to and fro', () => {
    const told = [200, 128, 200, 201, 129, 201].map((hour) => check(hour));
    expect(told.reduce<readonly HealthHour[]>(addCheck, []).map(({ hour, checks }) => [hour, checks])).toEqual([
      [200, 1],
      [201, 1],
    ]);
  });

  test('count the seconds of a start only where the board restarted', () => {
    expect(check(7, { uptimeS: 9 })).toMatchObject({ bootCount: 0, bootSumS: 0, uptimeCount: 1 });
  });

  test('add up in any order', () => {
    const told = fc.record(
      { heap: fc.nat(1e6), block: fc.nat(1e6), rssi: fc.integer({ min: -127, max: 0 }), uptimeS: fc.nat(1e6) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(told, told, told, (a, b, c) => {
        const [x, y, z] = [check(7, a), check(7, b), check(7, c)];
        expect(addUp(addUp(x, y), z)).toEqual(addUp(x, addUp(z, y)));
      }),
    );
  });

  test('are averaged over a time, without what is outside of it', () => {
    const health = healthOver([check(9, { heap: 1 }), check(10, { heap: 100 }), check(11, { heap: 50 }), check(12)], {
      fromHour: 10,
      toHour: 12,
    });
    expect(health).toEqual({
      hours: 2,
      checks: 2,
      heapBytes: 75,
      blockBytes: null,
      rssiDbm: null,
      bootS: null,
      restarts: null,
      crashes: 0,
    });
  });

  test('begin with the clock', () => {
    expect(hourOf(0)).toBe(0);
    expect(hourOf(HOUR_MS - 1)).toBe(0);
    expect(hourOf(HOUR_MS)).toBe(1);
  });
});

describe('the baseline', () => {
  test.each([
    { known: 0, spans: undefined },
    { known: 1, spans: [1] },
    { known: 5, spans: [1] },
    { known: 6, spans: [6, 1] },
    { known: 24, spans: [24, 6, 1] },
    { known: 72, spans: [24, 6, 1] },
  ])('of a board that is known for $known hours covers $spans', ({ known, spans }) => {
    // The hour under way is not whole.
    const kept = [...hours(NOW_H - known, NOW_H, { heap: 100 }), check(NOW_H, { heap: 1 })];
    const baseline = baselineBefore(kept, NOW_H);
    expect(baseline?.map((health) => health.hours)).toEqual(spans);
    expect(baseline?.every(({ heapBytes }) => heapBytes === 100) ?? true).toBe(true);
  });

  test('of a board that checked in long ago, and then no more, says so', () => {
    expect(baselineBefore(hours(NOW_H - 30, NOW_H - 28, { heap: 100 }), NOW_H)).toMatchObject([
      { hours: 24, checks: 0, heapBytes: null },
      { hours: 6, checks: 0 },
      { hours: 1, checks: 0 },
    ]);
  });
});

describe('only equal times are compared', () => {
  const baseline = baselineBefore(hours(NOW_H - 24, NOW_H, { heap: 100 }), NOW_H) ?? [];
  test.each([
    { ran: 0, compared: undefined },
    { ran: 1, compared: 1 },
    { ran: 5, compared: 1 },
    { ran: 6, compared: 6 },
    { ran: 60, compared: 24 },
  ])('after $ran whole hours with the build those are $compared', ({ ran, compared }) => {
    const later = NOW_H + 5;
    const found = compareHealth(baseline, hours(later, later + ran, { heap: 60 }), {
      sinceHour: later,
      nowHour: later + ran,
    });
    expect(found?.before.hours).toBe(compared);
    expect(found?.now.hours).toBe(compared);
    if (found !== undefined) expect([found.before.heapBytes, found.now.heapBytes]).toEqual([100, 60]);
  });

  test('a board that was known for an hour is compared over an hour', () => {
    const short = baselineBefore(hours(NOW_H - 1, NOW_H), NOW_H) ?? [];
    expect(compareHealth(short, [], { sinceHour: NOW_H, nowHour: NOW_H + 50 })?.now.hours).toBe(1);
  });
});

/** A board before and with the build, over six hours. */
const compared = (before: Told, now: Told) => ({
  before: healthOver(hours(0, 6, before), { fromHour: 0, toHour: 6 }),
  now: healthOver(hours(6, 12, now), { fromHour: 6, toHour: 12 }),
});
const KIB = 1024;

describe('what a stage shows', () => {
  test('is in words what an operator asks', () => {
    const stage = addUpHealth([
      compared(
        { heap: 182 * KIB, block: 100 * KIB, rssi: -61, uptimeS: 40, restarted: true },
        { heap: 120 * KIB, block: 100 * KIB, rssi: -64, uptimeS: 60, restarted: true, crashed: true },
      ),
    ]);
    expect(healthLines(stage)).toEqual([
      'free heap 182 -> 120 KiB (-34 %)',
      'largest block 100 -> 100 KiB (0 %)',
      'RSSI -61 -> -64 dBm',
      'start to check-in 40.0 -> 60.0 s (+50 %)',
      'restarts 24.0 -> 24.0 per board and day',
      'crashes 0.0 -> 24.0 per board and day',
    ]);
    expect(heapDropPct(stage)).toBeCloseTo(34.07, 1);
    expect(moreRestartsPct(stage)).toBe(0);
  });

  test('counts of each measure only boards that told it before and now', () => {
    const stage = addUpHealth([
      compared({ heap: 100 }, { heap: 50 }),
      compared({ heap: 900 }, {}),
      compared({}, { heap: 900 }),
    ]);
    expect(stage).toEqual({ heapBytes: { before: 100, now: 50, boards: 1, hours: 6 } });
    expect(heapDropPct(stage)).toBe(50);
    expect(moreRestartsPct(stage)).toBeUndefined();
  });

  test('has no baseline where nobody was compared', () => {
    expect(healthLines(addUpHealth([]))).toEqual(['no baseline']);
    expect(heapDropPct(addUpHealth([]))).toBeUndefined();
  });

  test.each([
    { before: 0, now: 0, pct: 0 },
    { before: 0, now: 1, pct: 20 },
    { before: 0, now: 5, pct: 100 },
    { before: 10, now: 15, pct: 50 },
    { before: 10, now: 5, pct: -50 },
  ])('$now restarts after $before are $pct % more', ({ before, now, pct }) => {
    const delta = { before, now, boards: 5, hours: 30 };
    expect(moreRestartsPct({ ...addUpHealth([]), restarts: delta })).toBe(pct);
  });

  test('of a heap that was 0 before is no share', () => {
    expect(heapDropPct(addUpHealth([compared({ heap: 0 }, { heap: 0 })]))).toBeUndefined();
  });
});
