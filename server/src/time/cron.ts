// Cron lines in time zones, as croner reads them: what is wrong with one, and when it runs next. Reads no clock. Narrowed
// to the five classic fields, because a sixth (seconds) would silently shift the meaning of all others.

import { Cron } from 'croner';
import { findNearest } from '#protocol/nearest.ts';
import { firstInstantMs, wallClockMs } from './wall-clock.ts';

/** A schedule that runs more often than this is a mistake: a rollout needs polls between two steps. */
const MIN_CRON_GAP_MS = 15 * 60_000;

export type CronFault = {
  readonly code: 'cron_invalid' | 'cron_too_often' | 'timezone_unknown';
  readonly message: string;
  readonly hint: string;
};

/** Runs are sampled from a leap year on, so that 29 February exists. */
const SAMPLE_START = new Date('2024-01-01T00:00:00Z');
const MAX_SAMPLES = 500;
const CRON_HINT = 'write minute hour day month weekday, such as "0 2 * * 1-5"';

/**
 * The first instant after `afterMs` (UTC milliseconds) that the line names in its time zone; undefined where there is none
 * any more. An instant that a daylight-saving change skips runs when the clock has moved on; one that it repeats runs once.
 * Croner finds the time of day alone: with time zones it keeps to that rule only where a line names a single hour.
 */
export function nextRunMs(
  line: { readonly cron: string; readonly timezone: string },
  afterMs: number,
): number | undefined {
  const pattern = new Cron(line.cron, { timezone: 'UTC', mode: '5-part', paused: true });
  let wall = pattern.nextRun(new Date(wallClockMs(line.timezone, afterMs)));
  while (wall !== null) {
    const runMs = firstInstantMs(line.timezone, wall.getTime());
    // Not after: the clock shows this time of day once more.
    if (runMs > afterMs) return runMs;
    wall = pattern.nextRun(wall);
  }
  return undefined;
}

/** What is wrong with a cron line, or undefined. */
export function findCronFault(cron: string): CronFault | undefined {
  const fields = cron.trim().split(/\s+/).length;
  if (fields !== 5) return invalid(`has ${fields} field${fields === 1 ? '' : 's'}, not five`);
  let pattern: Cron;
  let first: Date | null;
  try {
    pattern = new Cron(cron.trim(), { mode: '5-part', timezone: 'UTC', paused: true });
    first = pattern.nextRun(SAMPLE_START);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    return invalid(`cannot be read: ${reason.replace(/\.$/, '')}`);
  }
  if (first === null) return invalid('never runs');
  const gapMs = shortestGapMs(pattern, first);
  if (gapMs >= MIN_CRON_GAP_MS) return undefined;
  const message = `has runs ${gapMs / 60_000} min apart, more often than each 15 minutes`;
  return { code: 'cron_too_often', message, hint: 'write at most each 15 minutes: "*/15 * * * *"' };
}

/** What is wrong with the name of a time zone (IANA, as `Intl` knows it), or undefined. */
export function findTimezoneFault(timezone: string): CronFault | undefined {
  if (isTimezone(timezone)) return undefined;
  const hint = `did you mean ${findNearestTimezone(timezone) ?? 'UTC or Europe/Berlin'}?`;
  return { code: 'timezone_unknown', message: 'is not a known time zone', hint };
}

/** Minutes after midnight of a line that names one time of every day (`M H * * *`); undefined for every other line. */
export function dailyMinute(cron: string): number | undefined {
  const [, minute, hour] = /^\s*(\d{1,2})\s+(\d{1,2})\s+\*\s+\*\s+\*\s*$/.exec(cron) ?? [];
  return minute === undefined || hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}

/** What is wrong with a window in which devices go by their own clock, or undefined. */
export function findLocalWindowFault(window: {
  readonly cron: string;
  readonly durationS: number;
}): CronFault | undefined {
  if (dailyMinute(window.cron) === undefined)
    return {
      code: 'cron_invalid',
      message: 'names more than one time of every day, which a device-local window needs',
      hint: 'write minute and hour only: "0 2 * * *"',
    };
  if (window.durationS <= 86_400) return undefined;
  return {
    code: 'cron_invalid',
    message: 'begins a device-local window of more than a day',
    hint: 'write a duration of at most 24h',
  };
}

/** Minutes that the clocks of this zone are ahead of UTC at this instant. */
export function utcOffsetMin(timezone: string, atMs: number): number {
  return Math.round((wallClockMs(timezone, atMs) - atMs) / 60_000);
}

function invalid(message: string): CronFault {
  return { code: 'cron_invalid', message, hint: CRON_HINT };
}

/** Minutes repeat each hour and hours each day, so a few hundred runs within a year show every gap. */
function shortestGapMs(pattern: Cron, first: Date): number {
  const endMs = first.getTime() + 366 * 86_400_000;
  let shortestMs = Number.POSITIVE_INFINITY;
  let previous = first;
  for (let sample = 0; sample < MAX_SAMPLES; sample += 1) {
    const next = pattern.nextRun(previous);
    if (next === null || next.getTime() > endMs) break;
    shortestMs = Math.min(shortestMs, next.getTime() - previous.getTime());
    previous = next;
  }
  return shortestMs;
}

/** Offsets such as +02:00 are refused: a fixed offset is wrong for half of the year where clocks change. */
function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** By the whole name, then by the city alone (`Berlin` -> `Europe/Berlin`). */
function findNearestTimezone(name: string): string | undefined {
  const zones = Intl.supportedValuesOf('timeZone');
  const whole = findNearest(name, [...zones, 'UTC']);
  if (whole !== undefined && name.includes('/')) return whole;
  const cityOf = (zone: string): string => zone.slice(zone.lastIndexOf('/') + 1);
  const city = findNearest(cityOf(name), zones.map(cityOf));
  return zones.find((zone) => cityOf(zone) === city) ?? whole;
}
