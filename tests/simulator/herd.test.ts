// A fleet that lost its server for five minutes comes back, in virtual time: the waits of a board against the rate of one address, behind
// which all of them are. `npm run bench -- herd` does the same over real TLS.

import { describe, expect, test } from 'vitest';
import { ADDRESS_BURST_S, DEFAULT_PER_ADDRESS } from '#protocol/limits.ts';
import { AddressRate } from '#server/http/front/address-rate.ts';
import { backOffMs, bootWaitMs, pollWaitMs, REAL_TIME } from '#simulator/device/pace.ts';
import { Random } from '#simulator/random.ts';
import { EventQueue } from '#simulator/simulation/event-queue.ts';

const BOARDS = 10_000;
const INTERVAL_S = 600;
const OUTAGE_MS = 300_000;
const BEGIN_MS = 60_000;
const BACK_MS = BEGIN_MS + OUTAGE_MS;
const LONGEST_MS = 20 * 60_000;

interface Played {
  /** Until the last board had checked in, from the moment at which the server was there again. */
  readonly allBackMs: number;
  /** Most checks in any second. */
  readonly peak: number;
  readonly refused: number;
}

/** `isPowerCut`: the boards were without power too, and all start as the server is there again. */
function play({
  isPowerCut,
  perS,
  seed,
}: {
  readonly isPowerCut: boolean;
  readonly perS: number;
  readonly seed: number;
}): Played {
  const random = new Random(seed);
  let nowMs = 0;
  const rate = new AddressRate({ most: perS * ADDRESS_BURST_S, perS }, () => nowMs);
  const queue = new EventQueue();
  const failures = new Map<number, number>();
  const waiting = new Set(Array.from({ length: BOARDS }, (_, index) => index));
  const checks: number[] = [];
  let [allBackMs, refused] = [Number.POSITIVE_INFINITY, 0];
  for (let device = 0; device < BOARDS; device += 1)
    queue.add({
      device,
      atMs: isPowerCut ? BACK_MS + bootWaitMs(REAL_TIME, random) : random.between(0, INTERVAL_S * 1000),
    });
  for (let event = queue.take(); event !== undefined && event.atMs < BACK_MS + LONGEST_MS; event = queue.take()) {
    const { device, atMs } = event;
    nowMs = atMs;
    const isAway = atMs >= BEGIN_MS && atMs < BACK_MS;
    if (isAway || !rate.take('203.0.113.1')) {
      const before = failures.get(device) ?? 0;
      failures.set(device, before + 1);
      if (!isAway) refused += 1;
      queue.add({ device, atMs: atMs + backOffMs(before, REAL_TIME, random) });
      continue;
    }
    failures.delete(device);
    queue.add({ device, atMs: atMs + pollWaitMs(INTERVAL_S, REAL_TIME, random) });
    if (atMs < BACK_MS) continue;
    checks.push(atMs);
    if (waiting.delete(device) && waiting.size === 0) allBackMs = atMs - BACK_MS;
  }
  return { allBackMs, peak: peakOf(checks), refused };
}

/** Of instants in their order: most of them within any second. */
function peakOf(instants: readonly number[]): number {
  let peak = 0;
  let from = 0;
  for (const [index, atMs] of instants.entries()) {
    while ((instants[from] ?? atMs) <= atMs - 1_000) from += 1;
    peak = Math.max(peak, index - from + 1);
  }
  return peak;
}

describe.each([1, 2, 3])('ten thousand boards behind one router (seed %i)', (seed) => {
  test.each([
    ['the server was away', { isPowerCut: false, perS: DEFAULT_PER_ADDRESS }],
    ['the power was away', { isPowerCut: true, perS: DEFAULT_PER_ADDRESS }],
    ['the power was away, and the rate is a quarter of that', { isPowerCut: true, perS: DEFAULT_PER_ADDRESS / 4 }],
  ])('%s: all are back within 20 minutes, and no second has more than twice the rate', (_, { isPowerCut, perS }) => {
    const { allBackMs, peak, refused } = play({ isPowerCut, perS, seed });
    expect(allBackMs).toBeLessThan(LONGEST_MS);
    expect(peak).toBeLessThanOrEqual(2 * perS);
    expect(refused > 0, 'the bound is met where it is narrow').toBe(perS < DEFAULT_PER_ADDRESS);
  });
});
