// What a board of a simulation is bound to meet: what a bad build does to it, and what befalls it without any build. Drawn once
// for each board, every chance from a stream of its own, so that one does not shift the others.

import { type BuildFault, type DrawnFault, drawFault, type FaultKind } from '#simulator/device/faults.ts';
import type { Random } from '#simulator/random.ts';

/** Kinds of a fault that may come at any time after the board has confirmed the build. */
export const LATE_KINDS: ReadonlySet<FaultKind> = new Set([
  'goes_back',
  'goes_back_silently',
  'dies',
  'crash_loops',
  'leaks_heap',
]);

export interface Surroundings {
  /** Share of boards that falls silent for good within a day. */
  readonly diesPerDay: number;
  /** Share of boards that sleeps between two checks, and for how long. */
  readonly sleepers: number;
  readonly sleepS: number;
  /** A site without network, once. */
  readonly outage: { readonly share: number; readonly startS: number; readonly lengthS: number } | undefined;
}

export const NO_SURROUNDINGS: Surroundings = { diesPerDay: 0, sleepers: 0, sleepS: 0, outage: undefined };

export interface Fate {
  readonly fault: DrawnFault | undefined;
  /** Milliseconds from the confirmation to the fault; undefined: on trial, or never. */
  readonly faultAfterMs: number | undefined;
  readonly hasSecondChip: boolean;
  readonly sleepS: number | undefined;
  readonly isOnSite: boolean;
  /** When it dies by itself; infinity: not at all. */
  readonly diesAtMs: number;
}

/** Faults do not come on the second. */
const DELAY_SPREAD = { low: 0.9, high: 1.1 } as const;

/** `badChipShare`: share of boards with a second chip; where it is given, the build is bad on those alone. */
export function drawFate(
  build: {
    readonly faults: readonly BuildFault[];
    readonly version: string;
    readonly badChipShare: number | undefined;
  },
  around: Surroundings,
  random: Random,
): Fate {
  const { faults, version, badChipShare } = build;
  const hasSecondChip = random.fork('chip').chance(badChipShare ?? 0);
  const drawn = drawFault(faults, { version, rollback: false }, random.fork('build'));
  const fault = badChipShare === undefined || hasSecondChip ? drawn : undefined;
  const spread = random.fork('delay').between(DELAY_SPREAD.low, DELAY_SPREAD.high);
  const isLate = fault !== undefined && LATE_KINDS.has(fault.kind) && 'delayMs' in fault;
  const delayMs = isLate ? fault.delayMs : undefined;
  return {
    fault,
    faultAfterMs: delayMs === undefined ? undefined : delayMs * spread,
    hasSecondChip,
    sleepS: random.fork('sleeps').chance(around.sleepers) ? around.sleepS : undefined,
    isOnSite: random.fork('site').chance(around.outage?.share ?? 0),
    diesAtMs: dayOfDeath(around.diesPerDay, random.fork('death').next()) * 86_400_000,
  };
}

/** With the same chance every day. */
function dayOfDeath(perDay: number, draw: number): number {
  return perDay > 0 ? Math.log(1 - draw) / Math.log(1 - perDay) : Number.POSITIVE_INFINITY;
}
