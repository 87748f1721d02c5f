// When a schedule runs: by its cron line, or once at the one time that it names. Reads no clock.

import { nextRunMs } from './cron.ts';
import { firstInstantMs } from './wall-clock.ts';

export interface ScheduleTime {
  /** Five fields; empty where the schedule is for one time. */
  readonly cron: string;
  /** `2026-12-24T03:00` in the time zone, seconds if wanted; with `Z` or an offset an instant. Null: by the cron line. */
  readonly at: string | null;
  /** IANA name. */
  readonly timezone: string;
}

export const AT_HINT =
  'write a local time such as 2026-12-24T03:00, which is one of the time zone of the schedule; with Z or +01:00 behind it an instant';

const AT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/;

/** The first run after `afterMs` (UTC milliseconds); undefined where there is none any more. */
export function nextScheduledMs(time: ScheduleTime, afterMs: number): number | undefined {
  if (time.at === null) return nextRunMs(time, afterMs);
  const atMs = atInstantMs(time.at, time.timezone);
  return atMs > afterMs ? atMs : undefined;
}

/** Whether the text names a time: one that the calendar has, whatever clocks do on that day. */
export function isAt(text: string): boolean {
  return Number.isFinite(wallMs(text));
}

/**
 * The instant (UTC milliseconds) of a text for which `isAt` holds. A local time that a clock change skips is the instant of
 * the change; of one that comes twice it is the first, as with cron lines.
 */
function atInstantMs(text: string, timezone: string): number {
  const zone = AT.exec(text.trim())?.[3];
  return zone === undefined ? firstInstantMs(timezone, wallMs(text)) : Date.parse(text.trim());
}

/** As if it were UTC; not a number where it is no time. */
function wallMs(text: string): number {
  const [whole, minutes = '', seconds = ':00', zone] = AT.exec(text.trim()) ?? [];
  if (whole === undefined) return Number.NaN;
  const ms = Date.parse(`${minutes}${seconds}Z`);
  // `Date.parse` takes 24:00, and in some places the 30th of February.
  if (!Number.isFinite(ms) || !new Date(ms).toISOString().startsWith(`${minutes}${seconds}`)) return Number.NaN;
  return zone === undefined || Number.isFinite(Date.parse(whole)) ? ms : Number.NaN;
}
