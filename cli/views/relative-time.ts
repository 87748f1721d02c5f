// Instants and lengths of time as people say them: how long ago, or when in the time zone of whoever looks. Lists show these;
// `--json` shows what the server sent.

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** An ISO 8601 instant as `3 min ago` or `in 2 h`; null as a dash. */
export function relativeTime(instant: string | null, nowMs: number): string {
  if (instant === null) return '-';
  const distanceMs = nowMs - Date.parse(instant);
  if (!Number.isFinite(distanceMs)) return instant;
  if (Math.abs(distanceMs) < 5000) return 'just now';
  return distanceMs > 0 ? `${duration(distanceMs / 1000)} ago` : `in ${duration(-distanceMs / 1000)}`;
}

/** Seconds in the largest unit that fills at least once: `45 s`, `3 min`, `2 h`, `9 d`. */
export function duration(seconds: number): string {
  const unit = UNITS.find((one) => seconds * 1000 >= one.ms) ?? UNITS[3];
  return `${Math.floor((seconds * 1000) / unit.ms)} ${unit.name}`;
}

/** Seconds that somebody has set, not rounded: `90 s`, `10 min`, `36 h`. */
export function exactDuration(seconds: number): string {
  const unit = UNITS.find((one) => (seconds * 1000) % one.ms === 0) ?? UNITS[3];
  return seconds === 0 ? '0 s' : `${(seconds * 1000) / unit.ms} ${unit.name}`;
}

/** An ISO 8601 instant where the reader is, with the name of the time zone: `2026-11-30 14:03:59 CET`. */
export function localTime(instant: string): string {
  return localParts(instant, 'HH:MM:SS'.length);
}

/** The same without seconds: `2026-11-30 14:03 CET`. */
export function localMinute(instant: string): string {
  return localParts(instant, 'HH:MM'.length);
}

function localParts(instant: string, timeChars: number): string {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return instant;
  // Swedes write the date as ISO 8601 does.
  const [day = '', time = ''] = at.toLocaleString('sv-SE').split(' ');
  const zone =
    new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
      .formatToParts(at)
      .find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return `${day} ${time.slice(0, timeChars)} ${zone}`;
}
