// What the clock on the wall of a time zone shows, and when it shows it first. Wall-clock times are milliseconds as if they
// were UTC, so that they can be compared and added. Reads no clock; what `Intl` knows of time zones is all there is.

const HOUR_MS = 3_600_000;

/** No zone is further ahead of UTC, or behind it, than this (Kiritimati +14, Baker Island -12), with an hour to spare. */
const MOST_AHEAD_MS = 15 * HOUR_MS;
const MOST_BEHIND_MS = 13 * HOUR_MS;

/** What the clock shows at an instant (UTC milliseconds). Throws a RangeError for a zone that `Intl` does not know. */
export function wallClockMs(timezone: string, atMs: number): number {
  const parts = new Map(
    formatOf(timezone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN;
  const withSeconds = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return withSeconds + (((atMs % 1000) + 1000) % 1000);
}

/**
 * The first instant (UTC milliseconds) at which the clock shows this time or a later one: where clocks skip it, that of the
 * change; where they repeat it, the first of the two. Right as long as clocks change at most once within a day.
 */
export function firstInstantMs(timezone: string, wallMs: number): number {
  const offsetAt = (atMs: number): number => wallClockMs(timezone, atMs) - atMs;
  const offsetBefore = offsetAt(wallMs - MOST_AHEAD_MS);
  const unchanged = wallMs - offsetBefore;
  if (offsetAt(unchanged) === offsetBefore) return unchanged;
  const changed = wallMs - offsetAt(wallMs + MOST_BEHIND_MS);
  if (wallClockMs(timezone, changed) === wallMs) return changed;
  // Skipped: the clocks changed after `changed`, and at the latest at `unchanged`.
  let before = changed;
  let after = unchanged;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle) === offsetBefore) before = middle;
    else after = middle;
  }
  return after;
}

/** Making one costs a hundred times what using it does. There are some 600 zones at most. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timezone, format);
  return format;
}
