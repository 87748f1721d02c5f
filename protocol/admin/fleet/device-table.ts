// Devices as a table of text (CSV, RFC 4180) that people edit in a spreadsheet: `mac`, and what operators write on devices.

import { type Static, Type } from 'typebox';
import { Count, oneOf } from '#protocol/admin/shapes.ts';

export const TABLE_COLUMNS = ['mac', 'name', 'labels', 'note'] as const;
export type TableColumn = (typeof TABLE_COLUMNS)[number];

/** `excel`: with a byte order mark and semicolons, as a spreadsheet of most of Europe opens it. */
const TABLE_FORMS = ['plain', 'excel'] as const;
export type TableForm = (typeof TABLE_FORMS)[number];

export const DeviceTable = Type.Object(
  {
    csv: Type.String({ description: 'lines of this page; those of the first begin with the names of the columns' }),
    devices: Count,
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'null: this was the last page' }),
  },
  { $id: 'DeviceTable' },
);
export type DeviceTable = Static<typeof DeviceTable>;

const Line = Type.Integer({ minimum: 1, description: 'of the file; the names of the columns are the first' });

/** What an import did, or would do. */
export const DeviceImport = Type.Object(
  {
    done: Type.Boolean({ description: 'false: nothing was changed, this is what would be' }),
    devices: Type.Integer({ minimum: 0, description: 'lines with a device' }),
    changed: Type.Integer({ minimum: 0, description: 'devices that are another than before' }),
    unknown: Type.Integer({ minimum: 0, description: 'devices that have not checked in, where those are skipped' }),
    named: Count,
    noted: Count,
    labels: Type.Array(
      Type.Object({
        label: Type.String(),
        is_new: Type.Boolean(),
        put_on: Count,
        taken_off: Count,
        rollouts: Type.Array(Type.String(), { description: 'rollouts under way with a stage for this label' }),
      }),
    ),
    changes: Type.Array(Type.Object({ line: Line, mac: Type.String(), text: Type.String() }), {
      description: 'the first of them',
    }),
    fault_count: Count,
    faults: Type.Array(Type.Object({ line: Line, text: Type.String() }), {
      description: 'what is wrong, the first of them; nothing is imported while there is one',
    }),
  },
  { $id: 'DeviceImport' },
);
export type DeviceImport = Static<typeof DeviceImport>;

export const tableForm = oneOf(TABLE_FORMS, {
  description: '`excel`: with a byte order mark, semicolons and CRLF',
});
