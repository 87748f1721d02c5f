// What a bad build does to a board, and what befalls boards without any build: drawn once for each board, every chance from a
// stream of its own, so that one does not shift the others.

import { drawLuck, NO_MISHAPS, type TrialFailure } from '#simulator/mishaps.ts';
import type { Random } from '#simulator/random.ts';

/**
 * `fails_trial`: goes back and reports it. `goes_back`: only its check-in says so. `goes_back_silently`: nothing does.
 * `dies`: confirms, and is never heard of again. `crashes`: confirms, then restarts again and again, and checks in.
 * `vanishes`: is never heard of after it began to install. `hangs`: on trial, until a watchdog brings it back.
 */
export const FAULT_KINDS = [
  'fails_trial',
  'goes_back',
  'goes_back_silently',
  'dies',
  'crashes',
  'vanishes',
  'hangs',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Kinds that may come at any time after the board has confirmed the build. */
export const LATE_KINDS: ReadonlySet<FaultKind> = new Set(['goes_back', 'goes_back_silently', 'dies', 'crashes']);

export interface BuildFaults {
  /** Share of boards, from 0 to 1, with each kind; a board has one at most. */
  readonly shares: Partial<Record<FaultKind, number>>;
  /** From the confirmation to the fault, of the kinds that can be late; 0: on trial, or at once. */
  readonly delayS: number;
  /** Share of boards with a second chip; where it is given, the build is bad on those alone. */
  readonly badChipShare: number | undefined;
}

export interface Surroundings {
  /** Share of boards that falls silent for good within a day. */
  readonly diesPerDay: number;
  /** Share of boards that sleeps between two checks, and for how long. */
  readonly sleepers: number;
  readonly sleepS: number;
  /** A site without network, once. */
  readonly outage: { readonly share: number; readonly startS: number; readonly lengthS: number } | undefined;
}

export const NO_FAULTS: BuildFaults = { shares: {}, delayS: 0, badChipShare: undefined };
export const NO_SURROUNDINGS: Surroundings = { diesPerDay: 0, sleepers: 0, sleepS: 0, outage: undefined };

export interface BuildFault {
  readonly kind: FaultKind;
  /** Undefined: on trial. */
  readonly delayMs: number | undefined;
  /** How it fails on trial. */
  readonly failure: TrialFailure;
}

export interface Fate {
  readonly fault: BuildFault | undefined;
  readonly hasSecondChip: boolean;
  readonly sleepS: number | undefined;
  readonly isOnSite: boolean;
  /** When it dies by itself; infinity: not at all. */
  readonly diesAtMs: number;
}

/** Faults do not come on the second. */
const DELAY_SPREAD = { low: 0.9, high: 1.1 } as const;
const HANG: TrialFailure = { code: 'watchdog', resetReason: 'task_watchdog', checksIn: false };

export function drawFate(faults: BuildFaults, around: Surroundings, random: Random): Fate {
  const hasSecondChip = random.fork('chip').chance(faults.badChipShare ?? 0);
  const fault = drawFault(faults, random);
  return {
    fault: faults.badChipShare === undefined || hasSecondChip ? fault : undefined,
    hasSecondChip,
    sleepS: random.fork('sleeps').chance(around.sleepers) ? around.sleepS : undefined,
    isOnSite: random.fork('site').chance(around.outage?.share ?? 0),
    diesAtMs: dayOfDeath(around.diesPerDay, random.fork('death').next()) * 86_400_000,
  };
}

function drawFault({ shares, delayS }: BuildFaults, random: Random): BuildFault | undefined {
  const kind = FAULT_KINDS.find((one) => random.fork(one).chance(shares[one] ?? 0));
  if (kind === undefined) return undefined;
  const spread = random.fork('delay').between(DELAY_SPREAD.low, DELAY_SPREAD.high);
  const isLate = LATE_KINDS.has(kind) && (delayS > 0 || kind === 'dies' || kind === 'crashes');
  const { trialFailure } = drawLuck({ ...NO_MISHAPS, failTrial: 1 }, 1, random.fork('luck'));
  return {
    kind,
    delayMs: isLate ? delayS * 1000 * spread : undefined,
    failure: kind === 'hangs' || trialFailure === undefined ? HANG : trialFailure,
  };
}

/** With the same chance every day. */
function dayOfDeath(perDay: number, draw: number): number {
  return perDay > 0 ? Math.log(1 - draw) / Math.log(1 - perDay) : Number.POSITIVE_INFINITY;
}
