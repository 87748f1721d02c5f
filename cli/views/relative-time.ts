// Instants and lengths of time as people say them. Lists show these; `--json` shows what the server sent.

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
