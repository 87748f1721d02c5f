// How a board fares, hour by hour: sums of what its checks measured, so that hours add up, and averages over some of them.
// Pure. The database keeps the hours (`telemetry`), in a ring of `TELEMETRY_HOURS`.

import { TELEMETRY_HOURS } from '#protocol/limits.ts';

/** What the checks of one hour measured. */
export interface HealthHour {
  /** Whole hours since 1970, UTC. */
  readonly hour: number;
  readonly checks: number;
  readonly heapSumBytes: number;
  readonly heapCount: number;
  /** Null: no check said it. */
  readonly heapMinBytes: number | null;
  readonly blockSumBytes: number;
  readonly blockCount: number;
  readonly blockMinBytes: number | null;
  readonly rssiSumDbm: number;
  readonly rssiCount: number;
  /** Checks that told their uptime: without any, restarts cannot be counted. */
  readonly uptimeCount: number;
  readonly restarts: number;
  /** Restarts by a fault of the firmware. */
  readonly crashes: number;
  /** Uptime at the first check after each restart: how long the board takes from its start to the server. */
  readonly bootSumS: number;
  readonly bootCount: number;
}

/** Averages over some hours; null: nothing measured it. */
export interface Health {
  /** How many hours these are, whether the board checked in during each or not. */
  readonly hours: number;
  readonly checks: number;
  readonly heapBytes: number | null;
  readonly blockBytes: number | null;
  readonly rssiDbm: number | null;
  readonly bootS: number | null;
  /** In all of these hours. */
  readonly restarts: number | null;
  readonly crashes: number;
}

const HOUR_MS = 3_600_000;

export function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS);
}

export function startOfHourMs(hour: number): number {
  return hour * HOUR_MS;
}

/** One check as an hour of its own. */
export function hourOfCheck(check: {
  readonly atMs: number;
  readonly freeHeapBytes: number | undefined;
  readonly largestBlockBytes: number | undefined;
  readonly rssiDbm: number | undefined;
  readonly uptimeS: number | undefined;
  readonly restarted: boolean;
  readonly crashed: boolean;
}): HealthHour {
  const { freeHeapBytes: heap, largestBlockBytes: block, rssiDbm: rssi, uptimeS, restarted } = check;
  const bootS = restarted ? uptimeS : undefined;
  return {
    hour: hourOf(check.atMs),
    checks: 1,
    heapSumBytes: heap ?? 0,
    heapCount: countOf(heap),
    heapMinBytes: heap ?? null,
    blockSumBytes: block ?? 0,
    blockCount: countOf(block),
    blockMinBytes: block ?? null,
    rssiSumDbm: rssi ?? 0,
    rssiCount: countOf(rssi),
    uptimeCount: countOf(uptimeS),
    restarts: restarted ? 1 : 0,
    crashes: check.crashed ? 1 : 0,
    bootSumS: bootS ?? 0,
    bootCount: countOf(bootS),
  };
}

/** Both together, under the hour of the first. */
export function addUp(left: HealthHour, right: HealthHour): HealthHour {
  return {
    hour: left.hour,
    checks: left.checks + right.checks,
    heapSumBytes: left.heapSumBytes + right.heapSumBytes,
    heapCount: left.heapCount + right.heapCount,
    heapMinBytes: smallest(left.heapMinBytes, right.heapMinBytes),
    blockSumBytes: left.blockSumBytes + right.blockSumBytes,
    blockCount: left.blockCount + right.blockCount,
    blockMinBytes: smallest(left.blockMinBytes, right.blockMinBytes),
    rssiSumDbm: left.rssiSumDbm + right.rssiSumDbm,
    rssiCount: left.rssiCount + right.rssiCount,
    uptimeCount: left.uptimeCount + right.uptimeCount,
    restarts: left.restarts + right.restarts,
    crashes: left.crashes + right.crashes,
    bootSumS: left.bootSumS + right.bootSumS,
    bootCount: left.bootCount + right.bootCount,
  };
}

/** The hours with one more check, or with the checks of one more hour, which takes the place of another in the ring. */
export function addCheck(hours: readonly HealthHour[], check: HealthHour): readonly HealthHour[] {
  const same = hours.find(({ hour }) => hour === check.hour);
  const others = hours.filter(({ hour }) => slotOf(hour) !== slotOf(check.hour));
  return [...others, same === undefined ? check : addUp(same, check)];
}

/** The place of an hour in the ring. */
export function slotOf(hour: number): number {
  return hour % TELEMETRY_HOURS;
}

/** Averages over the hours from `fromHour` on and before `toHour`. */
export function healthOver(
  hours: readonly HealthHour[],
  { fromHour, toHour }: { readonly fromHour: number; readonly toHour: number },
): Health {
  const within = hours.filter(({ hour }) => hour >= fromHour && hour < toHour);
  const sum = within.reduce<HealthHour | undefined>(
    (total, hour) => (total === undefined ? hour : addUp(total, hour)),
    undefined,
  );
  return {
    hours: toHour - fromHour,
    checks: sum?.checks ?? 0,
    heapBytes: mean(sum?.heapSumBytes, sum?.heapCount),
    blockBytes: mean(sum?.blockSumBytes, sum?.blockCount),
    rssiDbm: mean(sum?.rssiSumDbm, sum?.rssiCount),
    bootS: mean(sum?.bootSumS, sum?.bootCount),
    restarts: sum === undefined || sum.uptimeCount === 0 ? null : sum.restarts,
    crashes: sum?.crashes ?? 0,
  };
}

function countOf(value: number | undefined): 0 | 1 {
  return value === undefined ? 0 : 1;
}

function smallest(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.min(left, right);
}

/** To one decimal place, so that what is kept stays short. */
function mean(sum: number | undefined, count: number | undefined): number | null {
  return sum === undefined || count === undefined || count === 0 ? null : Math.round((sum / count) * 10) / 10;
}
