// Health before a build and with it: what is kept at the offer, and what the boards of a stage show against it. Only equal
// times are compared, on one board, in whole hours; a board that cannot do that has no baseline. Pure.

import { type Health, type HealthHour, healthOver } from './health.ts';

/**
 * Times that are compared, in hours, the longest that both sides have: a day evens out what differs from hour to hour, and
 * an hour is the least that says anything.
 */
const SPANS_H = [24, 6, 1] as const;
export const LONGEST_SPAN_H = SPANS_H[0];

/** The last hours before an offer, for each span that the board had been checking in for; the longest first. */
export type Baseline = readonly Health[];

/** Undefined where the board is known for less than a whole hour. */
export function baselineBefore(hours: readonly HealthHour[], nowHour: number): Baseline | undefined {
  const firstHour = Math.min(...hours.filter(({ hour }) => hour < nowHour).map(({ hour }) => hour));
  const spans = SPANS_H.filter((span) => firstHour <= nowHour - span).map((span) =>
    healthOver(hours, { fromHour: nowHour - span, toHour: nowHour }),
  );
  return spans.length === 0 ? undefined : spans;
}

export interface Comparison {
  readonly before: Health;
  readonly now: Health;
}

/** `sinceHour` is the first whole hour that the board ran the new build. Undefined: there is no baseline. */
export function compareHealth(
  baseline: Baseline,
  hours: readonly HealthHour[],
  { sinceHour, nowHour }: { readonly sinceHour: number; readonly nowHour: number },
): Comparison | undefined {
  const before = baseline.find((span) => sinceHour <= nowHour - span.hours);
  return before === undefined
    ? undefined
    : { before, now: healthOver(hours, { fromHour: nowHour - before.hours, toHour: nowHour }) };
}

const AVERAGES = ['heapBytes', 'blockBytes', 'rssiDbm', 'bootS'] as const;
const COUNTS = ['restarts', 'crashes'] as const;
type Measure = (typeof AVERAGES)[number] | (typeof COUNTS)[number];

/** Of the boards that told a measure before and now. Averages are those of the boards; restarts and crashes are sums. */
export interface Delta {
  readonly before: number;
  readonly now: number;
  readonly boards: number;
  /** Hours of all these boards together, as many before as now. */
  readonly hours: number;
}

export type StageHealth = Readonly<Record<Measure, Delta | undefined>>;

/** What the boards of a stage show together. */
export function addUpHealth(comparisons: readonly Comparison[]): StageHealth {
  return {
    heapBytes: deltaOf(comparisons, 'heapBytes'),
    blockBytes: deltaOf(comparisons, 'blockBytes'),
    rssiDbm: deltaOf(comparisons, 'rssiDbm'),
    bootS: deltaOf(comparisons, 'bootS'),
    restarts: deltaOf(comparisons, 'restarts'),
    // A board that cannot count its restarts names a crash once, however often it crashes: before and now differ by chance.
    crashes: deltaOf(
      comparisons.filter(({ before, now }) => before.restarts !== null && now.restarts !== null),
      'crashes',
    ),
  };
}

function deltaOf(comparisons: readonly Comparison[], measure: Measure): Delta | undefined {
  const told = comparisons.flatMap(({ before, now }) => {
    const [old, fresh] = [before[measure], now[measure]];
    return old === null || fresh === null ? [] : [{ old, fresh, hours: before.hours }];
  });
  if (told.length === 0) return undefined;
  const isAverage = AVERAGES.some((average) => average === measure);
  const boards = told.length;
  const total = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / (isAverage ? boards : 1);
  return {
    before: total(told.map(({ old }) => old)),
    now: total(told.map(({ fresh }) => fresh)),
    boards,
    hours: told.reduce((sum, { hours }) => sum + hours, 0),
  };
}

/** Fewer restarts than these before the build say nothing of how many are usual: the share is of this number then. */
const FEW_RESTARTS = 5;

/** For `max_heap_drop_pct`: how much less free heap there is, in percent of before; undefined: no baseline. */
export function heapDropPct({ heapBytes }: StageHealth): number | undefined {
  return heapBytes === undefined || !(heapBytes.before > 0)
    ? undefined
    : ((heapBytes.before - heapBytes.now) / heapBytes.before) * 100;
}

/** For `max_more_restarts_pct`: how many more restarts there are, in percent of before, of five at least; undefined: no baseline. */
export function moreRestartsPct({ restarts }: StageHealth): number | undefined {
  return restarts === undefined
    ? undefined
    : ((restarts.now - restarts.before) / Math.max(restarts.before, FEW_RESTARTS)) * 100;
}

/** What operators read: a line for each measure, such as `free heap 182 -> 121 KiB (-34 %)`. */
export function healthLines(health: StageHealth): readonly string[] {
  const { heapBytes, blockBytes, rssiDbm, bootS, restarts, crashes } = health;
  const lines = [
    line('free heap', heapBytes, inKib, 'KiB'),
    line('largest block', blockBytes, inKib, 'KiB'),
    // Decibels have no share.
    rssiDbm === undefined ? undefined : `RSSI ${rssiDbm.before.toFixed(0)} -> ${rssiDbm.now.toFixed(0)} dBm`,
    line('start to check-in', bootS, (seconds) => seconds.toFixed(1), 's'),
    rate('restarts', restarts),
    rate('crashes', crashes),
  ].filter((text) => text !== undefined);
  return lines.length === 0 ? ['no baseline'] : lines;
}

function inKib(bytes: number): string {
  return (bytes / 1024).toFixed(0);
}

function line(name: string, delta: Delta | undefined, show: (value: number) => string, unit: string) {
  if (delta === undefined) return undefined;
  const { before, now } = delta;
  const share = before > 0 ? ` (${signed(((now - before) / before) * 100)} %)` : '';
  return `${name} ${show(before)} -> ${show(now)} ${unit}${share}`;
}

/** Sums over some hours as a rate of one board. */
export function perDay(delta: Delta | undefined): Delta | undefined {
  if (delta === undefined) return undefined;
  const { before, now, hours } = delta;
  return { ...delta, before: (before / hours) * 24, now: (now / hours) * 24 };
}

function rate(name: string, delta: Delta | undefined): string | undefined {
  const daily = perDay(delta);
  return daily === undefined
    ? undefined
    : `${name} ${daily.before.toFixed(1)} -> ${daily.now.toFixed(1)} per board and day`;
}

function signed(value: number): string {
  const whole = Math.round(value);
  return whole > 0 ? `+${whole}` : `${whole === 0 ? 0 : whole}`;
}
