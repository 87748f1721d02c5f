// Boards as a table for other programs (RFC 4180).

import type { Device } from '#protocol/admin/devices.ts';

const COLUMNS = [
  'id',
  'mac',
  'product',
  'current_version',
  'status',
  'chip',
  'ip',
  'first_seen_at',
  'last_seen_at',
] as const;

/** A text that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export function csvOf(devices: readonly Device[]): string {
  const rows = devices.map((device) => [...COLUMNS.map((name) => device[name] ?? ''), device.labels.join(' ')]);
  return [[...COLUMNS, 'labels'], ...rows].map((row) => row.map(cellOf).join(',')).join('\r\n');
}

function cellOf(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
