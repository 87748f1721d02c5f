// Quantities as people write them in configuration files: durations, sizes, percentages. Pure. Each reader answers
// undefined for what it does not understand; the matching `suggest` function says how to write it.

const SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);

const BYTES = new Map([
  ['', 1],
  ['KiB', 1_024],
  ['MiB', 1_024 ** 2],
  ['GiB', 1_024 ** 3],
]);

/** `30s`, `10m`, `6h`, `1d` to seconds. A bare number is refused: its unit would be a guess. */
export function parseDurationS(text: unknown): number | undefined {
  const [, digits, unit] = (typeof text === 'string' ? /^(\d{1,9})([smhd])$/.exec(text) : null) ?? [];
  const factor = SECONDS.get(unit ?? '');
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** `3.9MiB`, `16KiB`, `4096` (bytes, also as a YAML number) to whole bytes, rounded down. */
export function parseSizeBytes(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  const [, digits, unit] = (typeof text === 'string' ? /^(\d{1,12}(?:\.\d{1,3})?)(|[KMG]iB)$/.exec(text) : null) ?? [];
  const factor = BYTES.get(unit ?? '');
  return digits === undefined || factor === undefined ? undefined : Math.floor(Number(digits) * factor);
}

/** `10%` to 10. */
export function parsePercent(text: unknown): number | undefined {
  const [, digits] = (typeof text === 'string' ? /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text) : null) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** How to write what was meant: "5 minutes" -> "use 5m"; 600 -> "use 600s". */
export function suggestDuration(value: unknown): string {
  const [, digits, unit] = /^(\d+)\s*(s|m|h|d)(?:ec|in|our|ay)?[a-z]*$/i.exec(String(value)) ?? [];
  if (digits !== undefined && unit !== undefined) return `use ${digits}${unit.toLowerCase()}`;
  return typeof value === 'number' ? `use ${value}s` : 'use a number and one of s, m, h, d, such as 10m';
}

/** "4 MB" -> "use 4MiB"; anything else gets the list of units. */
export function suggestSize(value: unknown): string {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([kmg])i?b?$/i.exec(String(value)) ?? [];
  if (digits !== undefined && unit !== undefined) return `use ${digits}${unit.toUpperCase()}iB`;
  return 'use bytes or one of KiB, MiB, such as 3.9MiB';
}

/** 10 -> "use 10%". */
export function suggestPercent(value: unknown): string {
  return typeof value === 'number' ? `use ${value}%` : 'use a number and a percent sign, such as 10%';
}
