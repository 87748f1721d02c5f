// Devices as lines of CSV, page by page, so that no fleet has to fit into memory. A cell that a spreadsheet would take for a formula is
// written with an apostrophe before it (OWASP, CSV injection); an import takes it away again.

import { stringify } from 'csv-stringify/sync';
import { type DeviceTable, TABLE_COLUMNS, type TableForm } from '#protocol/admin/fleet/device-table.ts';
import { MAX_PAGE } from '#protocol/limits.ts';
import { listDynamicLabels } from '#server/db/fleet/dynamic-labels.ts';
import type { Deps } from '#server/service/deps.ts';
import { listDevices } from '#server/service/fleet/devices.ts';

const BYTE_ORDER_MARK = '\uFEFF';

export interface TableQuery {
  readonly cursor?: string | undefined;
  readonly where?: string | undefined;
  readonly form?: TableForm | undefined;
}

/** In the order of the MACs. Throws `cursor_invalid`, `query_invalid`. */
export async function getDeviceTable(
  deps: Deps,
  { cursor, where, form }: TableQuery,
  nowMs: number,
): Promise<DeviceTable> {
  const { items, next_cursor } = await listDevices(
    deps,
    { cursor, where, limit: String(MAX_PAGE), sort: 'mac' },
    nowMs,
  );
  const isExcel = form === 'excel';
  const isFirst = cursor === undefined;
  const dynamic = new Set((await listDynamicLabels(deps.database.read)).map((label) => label.name));
  const rows = items.map(({ mac, name, labels, note }) => {
    // Nobody puts the others on a device.
    const put = labels.filter((label) => !dynamic.has(label));
    return [mac, name ?? '', put.join(' '), note?.text ?? ''];
  });
  const csv = stringify(rows, {
    columns: [...TABLE_COLUMNS],
    header: isFirst,
    delimiter: isExcel ? ';' : ',',
    record_delimiter: isExcel ? '\r\n' : '\n',
    escape_formulas: true,
  });
  return { csv: (isFirst && isExcel ? BYTE_ORDER_MARK : '') + csv, devices: items.length, next_cursor };
}
