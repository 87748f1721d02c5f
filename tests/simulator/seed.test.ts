import { describe, expect, test } from 'vitest';
import { fleetMacs, MAX_FLEET } from '#simulator/macs.ts';
import { drawLuck } from '#simulator/device/chances.ts';
import { backOffMs, pollWaitMs, REAL_TIME, retryAfterMs } from '#simulator/device/pace.ts';
import { Random } from '#simulator/random.ts';
import { chooseLabels } from '#simulator/simulate.ts';

const numbersOf = (random: Random, count: number): readonly number[] =>
  Array.from({ length: count }, () => random.next());

describe('a seed', () => {
  test('gives the same numbers again, and another seed gives others', () => {
    expect(numbersOf(new Random(7), 20)).toEqual(numbersOf(new Random(7), 20));
    expect(numbersOf(new Random(7), 20)).not.toEqual(numbersOf(new Random(8), 20));
  });

  test('is the published mulberry32 sequence', () => {
    expect(numbersOf(new Random(1), 3).map((value) => Math.round(value * 0x1_0000_0000))).toEqual([
      2_693_262_067, 11_749_833, 2_265_367_787,
    ]);
  });

  test('forks by name, whatever was drawn before', () => {
    const used = new Random(7);
    numbersOf(used, 5);
    expect(numbersOf(used.fork('a'), 5)).toEqual(numbersOf(new Random(7).fork('a'), 5));
    expect(numbersOf(used.fork('a'), 5)).not.toEqual(numbersOf(used.fork('b'), 5));
  });

  test('makes the same fleet, labels and luck again', () => {
    const plan = { seed: 7, devices: 500, labels: [{ label: 'pilot', share: 0.05 }] };
    expect(fleetMacs(7, 500)).toEqual(fleetMacs(7, 500));
    expect(chooseLabels(plan)).toEqual(chooseLabels(plan));
    expect(chooseLabels(plan)).not.toEqual(chooseLabels({ ...plan, seed: 8 }));
    const chances = { failTrial: 0.5, silent: 0.5, slow: 0.5, brokenDownload: 0.5, lostReport: 0 };
    expect(drawLuck(chances, 1e6, new Random(7))).toEqual(drawLuck(chances, 1e6, new Random(7)));
  });
});

describe('a fleet', () => {
  test('has locally administered addresses, each once, up to its limit', () => {
    const macs = fleetMacs(7, MAX_FLEET);
    expect(new Set(macs).size).toBe(MAX_FLEET);
    expect(macs.every((mac) => /^02:07(:[0-9a-f]{2}){4}$/.test(mac))).toBe(true);
    expect(() => fleetMacs(7, MAX_FLEET + 1)).toThrow(RangeError);
  });

  test('gives a label to its share, rounded, and to one device at least', () => {
    const chosen = chooseLabels({
      seed: 7,
      devices: 30,
      labels: [
        { label: 'pilot', share: 0.05 },
        { label: 'rare', share: 0.001 },
        { label: 'none', share: 0 },
        { label: 'all', share: 1 },
      ],
    });
    expect([...chosen].map(([label, macs]) => [label, macs.length])).toEqual([
      ['pilot', 2],
      ['rare', 1],
      ['none', 0],
      ['all', 30],
    ]);
  });
});

describe('a wait', () => {
  const random = new Random(7);

  test.each([
    ['between polls: the interval give or take a tenth', () => pollWaitMs(600, REAL_TIME, random), 540_000, 660_000],
    ['with a poll interval of its own', () => pollWaitMs(600, { pollIntervalS: 1, scale: 1 }, random), 900, 1_100],
    ['after the first error: up to a minute', () => backOffMs(0, REAL_TIME, random), 30_000, 60_000],
    ['after the fourth error: up to eight minutes', () => backOffMs(3, REAL_TIME, random), 240_000, 480_000],
    ['after many errors: up to six hours', () => backOffMs(50, REAL_TIME, random), 10_800_000, 21_600_000],
    ['that the server asked for: never shorter', () => retryAfterMs(10, random), 10_000, 12_500],
  ])('%s, spread over its whole range', (_, draw, from, to) => {
    const waits = Array.from({ length: 500 }, draw);
    const tenth = (to - from) / 10;
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(from);
    expect(Math.min(...waits)).toBeLessThan(from + tenth);
    expect(Math.max(...waits)).toBeLessThanOrEqual(to);
    expect(Math.max(...waits)).toBeGreaterThan(to - tenth);
  });

  test('that the server asked for is at most a day', () => {
    expect(retryAfterMs(999_999, random)).toBe(86_400_000);
  });
});
