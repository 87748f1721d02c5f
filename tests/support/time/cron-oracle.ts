// When a cron line runs, found by walking through every minute: slow, obvious, and without a line of what it judges. The
// rule is that of docs/rollout.md: a local time that clocks skip runs when they have moved on, one that they repeat runs once.

const MINUTE_MS = 60_000;

/** Offsets from UTC change at instants that are multiples of this, in every zone since 1980. */
const OFFSET_STEP_MS = 15 * MINUTE_MS;

/** What people write: each kind of field, alone and with others. */
export const CRON_LINES = [
  '0 2 * * *',
  '30 2 * * *',
  '0 0 * * *',
  '59 23 * * 7',
  '30 1,2 * * *',
  '0 22 * * 1-5',
  '15,45 0-3 * * SUN',
  '0 4 1 * *',
  '20 2 31 * *',
  '0 2 L * *',
  '30 3 13 * 5',
  '5 0 1-7 1,4,7,10 *',
  '0 3 * JAN-MAR MON,WED',
  '0 12 */10 * 2',
  '0 2 29 2 *',
];

/** A thousand runs in a year or more. */
export const FREQUENT_CRON_LINES = ['*/15 * * * *', '0 * * * *', '0 */6 * * *', '10-50/20 1-3 * * *'];

/** The instants (UTC milliseconds) in [fromMs, toMs) at which the line runs in its time zone. */
export function walkCron(line: string, timezone: string, fromMs: number, toMs: number): readonly number[] {
  const matches = matcherOf(line);
  const offsetAt = offsetsOf(timezone);
  const runs: number[] = [];
  // In minutes, and local time as if it were UTC. What lies between the highest one seen and the present one was skipped.
  let offset = 0;
  let highest = (fromMs + offsetAt(fromMs - MINUTE_MS)) / MINUTE_MS - 1;
  for (let nowMs = fromMs; nowMs < toMs; nowMs += MINUTE_MS) {
    if (nowMs % OFFSET_STEP_MS === 0 || nowMs === fromMs) offset = offsetAt(nowMs) / MINUTE_MS;
    const local = nowMs / MINUTE_MS + offset;
    let isDue = false;
    for (; highest < local; highest += 1) isDue ||= matches(highest + 1);
    if (isDue) runs.push(nowMs);
  }
  return runs;
}

const offsetsOfZones = new Map<string, (atMs: number) => number>();

/** How far the clocks of the zone are ahead of UTC, in milliseconds. */
function offsetsOf(timezone: string): (atMs: number) => number {
  const known = offsetsOfZones.get(timezone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const offsets = new Map<number, number>();
  const offsetAt = (atMs: number): number => {
    const stepMs = Math.floor(atMs / OFFSET_STEP_MS) * OFFSET_STEP_MS;
    const cached = offsets.get(stepMs);
    if (cached !== undefined) return cached;
    const parts = new Map(format.formatToParts(stepMs).map(({ type, value }) => [type, Number(value)]));
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN;
    const localMs = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
    offsets.set(stepMs, localMs - stepMs);
    return localMs - stepMs;
  };
  offsetsOfZones.set(timezone, offsetAt);
  return offsetAt;
}

/** Of a local time, given in minutes as if it were UTC. */
function matcherOf(line: string): (localMinute: number) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = line.split(' ');
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const months = valuesOf(month, 1, 12, MONTHS);
  const days = valuesOf(day.replace('L', ''), 1, 31);
  const isLastDay = day === 'L';
  const weekdays = new Set([...valuesOf(weekday, 0, 7, WEEKDAYS)].map((value) => value % 7));
  const isDay = (local: Date): boolean =>
    days.has(local.getUTCDate()) ||
    (isLastDay && new Date(local.getTime() + 86_400_000).getUTCMonth() !== local.getUTCMonth());
  return (localMinute) => {
    if (!minutes.has(localMinute % 60)) return false;
    const local = new Date(localMinute * MINUTE_MS);
    if (!hours.has(local.getUTCHours())) return false;
    if (!months.has(local.getUTCMonth() + 1)) return false;
    // crontab(5): where both days are restricted, one that matches is enough.
    if (day === '*') return weekdays.has(local.getUTCDay());
    if (weekday === '*') return isDay(local);
    return isDay(local) || weekdays.has(local.getUTCDay());
  };
}

const MONTHS = ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** The values of one field: `*`, `5`, `1-5`, a step behind either, names, and lists of all these. */
function valuesOf(field: string, least: number, most: number, names: readonly string[] = []): ReadonlySet<number> {
  const values = new Set<number>();
  if (field === '') return values;
  const read = (text: string): number => (names.includes(text) ? names.indexOf(text) : Number(text));
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/');
    const [first = '', last = first] = range.split('-');
    const from = range === '*' ? least : read(first);
    const to = range === '*' ? most : read(last);
    for (let value = from; value <= to; value += Number(step)) values.add(value);
  }
  return values;
}
