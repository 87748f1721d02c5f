// Lengths of time as people type them, and as the command line takes them: `45s`, `5m`, `2h`, `1d`.

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

export const LENGTH_HINT = 'such as 45s, 5m, 2h or 1d';

/** Seconds; undefined where nothing is typed, NaN where it is no length. */
export function readLength(text: string): number | undefined {
  const typed = text.trim();
  if (typed === '') return undefined;
  const match = /^(\d{1,7})\s*(s|m|min|h|d)$/.exec(typed);
  const size = UNITS.find(([unit]) => unit === match?.[2]?.charAt(0))?.[1];
  return size === undefined ? Number.NaN : Number(match?.[1]) * size;
}

/** In the largest unit that loses nothing. */
export function writeLength(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  const unit = UNITS.find(([, size]) => seconds > 0 && seconds % size === 0) ?? UNITS[3];
  return `${seconds / unit[1]}${unit[0]}`;
}
