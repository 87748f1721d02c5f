// Disruption budgets: at most so many boards of one value of a label key in the middle of an update at a time.

import { type Static, Type } from 'typebox';
import { Instant, LabelName, Name } from '#protocol/words.ts';
import { Count, Line, Nullable } from '#protocol/admin/shapes.ts';

const MaxDevices = Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'devices of one value' });
const MaxPct = Type.Number({
  exclusiveMinimum: 0,
  maximum: 100,
  description: 'share of the devices of one value; at least one may',
});

/** One of the two limits. */
export const NewBudget = Type.Object(
  { max_devices: Type.Optional(MaxDevices), max_pct: Type.Optional(MaxPct), reason: Type.Optional(Line) },
  { additionalProperties: false },
);
export type NewBudget = Static<typeof NewBudget>;

export const Budget = Type.Object(
  {
    key: Type.Unsafe<string>({ ...Name, description: 'of labels such as site=berlin it is site' }),
    max_devices: Nullable(MaxDevices),
    max_pct: Nullable(MaxPct),
    reason: Nullable(Type.String()),
    set_by: Type.String(),
    set_at: Instant,
    values: Type.Array(
      Type.Object({
        label: LabelName,
        devices: Count,
        allowed: Count,
        disrupted: Type.Integer({ minimum: 0, description: 'in the middle of an update, or lost after one' }),
      }),
      { description: 'the values that devices have' },
    ),
  },
  { $id: 'Budget' },
);
export type Budget = Static<typeof Budget>;
