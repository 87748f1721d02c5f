// Boards as a table for other programs (RFC 4180), and as the table that an import reads, which the server writes.

import { call } from '#dashboard/data/api.ts';
import type { Device } from '#protocol/admin/devices.ts';

const COLUMNS = ['id', 'mac', 'name', 'product', 'current_version', 'status', 'chip', 'ip', 'rollout'] as const;
const TIMES = ['first_seen_at', 'last_seen_at'] as const;
const MEASURED = ['free_heap_bytes', 'rssi_dbm', 'boot_reason', 'library'] as const;
/** Rows of one request, the most that there may be. */
const PAGE = '500';

/** A text that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** Everything that the list can show, of all boards that these queries mean. */
export async function exportFacts(queries: readonly string[]): Promise<string> {
  const lines = [[...COLUMNS, ...TIMES, ...MEASURED, 'labels', 'note'].join(',')];
  for (const where of queries) {
    let cursor: string | null = null;
    do {
      const page: { readonly items: readonly Device[]; readonly next_cursor: string | null } = await call(
        'listDevices',
        { query: { where, limit: PAGE, ...(cursor === null ? {} : { cursor }) } },
      );
      lines.push(...page.items.map(lineOf));
      cursor = page.next_cursor;
    } while (cursor !== null);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** Names, labels and notes, to be edited and imported again. */
export async function exportTable(queries: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const where of queries) {
    let cursor: string | null = null;
    let isFirst = true;
    do {
      const page: { readonly csv: string; readonly next_cursor: string | null } = await call('getDeviceTable', {
        query: { where, ...(cursor === null ? {} : { cursor }) },
      });
      // One head for all of them.
      parts.push(isFirst && parts.length > 0 ? page.csv.replace(/^[^\n]*\n/, '') : page.csv);
      isFirst = false;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }
  return parts.join('');
}

function lineOf(device: Device): string {
  const cells = [
    ...COLUMNS.map((name) => device[name] ?? ''),
    ...TIMES.map((name) => device[name]),
    ...MEASURED.map((name) => device.attributes[name] ?? ''),
    device.labels.join(' '),
    device.note?.text ?? '',
  ];
  return cells.map(cellOf).join(',');
}

function cellOf(value: unknown): string {
  const text = String(value);
  // A number stays one, also below zero.
  const safe = typeof value !== 'number' && FORMULA.test(text) ? `'${text}` : text;
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
