// What can go wrong with a simulated board, and how it draws its luck. All chances are per offer, but for a lost report.
// It never acts: `device.ts` does what is drawn here. Builds that are bad on a share of the boards are in `faults.ts`.

import type { DeviceErrorName } from '#protocol/device/errors.ts';
import type { Random } from '#simulator/random.ts';

/** Probabilities in [0, 1]. */
export interface Chances {
  readonly failTrial: number;
  /** The board takes the offer and is never heard of again. */
  readonly silent: number;
  readonly slow: number;
  readonly brokenDownload: number;
  /** The report arrives but its answer does not: the board repeats it. */
  readonly lostReport: number;
}

export const NO_CHANCES: Chances = { failTrial: 0, silent: 0, slow: 0, brokenDownload: 0, lostReport: 0 };

/** How a bad build dies: what the board reports, which reset reason it sees, and whether it got as far as a check-in. */
export interface TrialFailure {
  readonly code: DeviceErrorName;
  readonly resetReason: string;
  readonly checksIn: boolean;
}

/** The build runs but never reaches the server; also what happens to a good build when the server is away. */
export const TRIAL_TIMEOUT: TrialFailure = { code: 'trial_timeout', resetReason: 'software', checksIn: false };

export const HANG: TrialFailure = { code: 'watchdog', resetReason: 'task_watchdog', checksIn: false };

export const TRIAL_FAILURES: readonly [TrialFailure, ...TrialFailure[]] = [
  { code: 'crash', resetReason: 'panic', checksIn: false },
  HANG,
  { code: 'self_test', resetReason: 'software', checksIn: true },
  TRIAL_TIMEOUT,
];

/** The weather on the way to this board. */
export interface Link {
  /** Throttle; undefined: as fast as it comes. */
  readonly bytesPerS: number | undefined;
  /** The connection breaks once after this many bytes of the image; undefined: it does not. */
  readonly breaksAtByte: number | undefined;
}

export interface Luck {
  readonly silent: boolean;
  readonly link: Link;
  /** Undefined: the trial goes well. */
  readonly trialFailure: TrialFailure | undefined;
}

/** Slow links of the field: a weak WiFi or a GSM bridge, in bytes per second. */
const SLOW_LINK_BYTES_PER_S = { low: 20_000, high: 100_000 } as const;

/** Draws the luck for one offer. Every chance is drawn every time, so that one chance does not shift the others. */
export function drawLuck(chances: Chances, sizeBytes: number, random: Random): Luck {
  const silent = random.chance(chances.silent);
  const slow = random.chance(chances.slow);
  const bytesPerS = random.between(SLOW_LINK_BYTES_PER_S.low, SLOW_LINK_BYTES_PER_S.high);
  const breaks = random.chance(chances.brokenDownload);
  const breaksAtByte = random.integer(sizeBytes);
  const fails = random.chance(chances.failTrial);
  const failure = random.pick(TRIAL_FAILURES);
  return {
    silent,
    link: { bytesPerS: slow ? bytesPerS : undefined, breaksAtByte: breaks ? breaksAtByte : undefined },
    trialFailure: fails ? failure : undefined,
  };
}
