// How many devices there are of each product, chip, version and the like: of all of them, or of those that a query means.

import { type Static, Type } from 'typebox';
import { Count, Nullable, oneOf } from '#protocol/admin/shapes.ts';

/** What devices are counted by. `mark`: `held`, `test`, `overdue`, `flapping`, the words of queries; a device may have several or none. */
export const NUMBERED_BY = ['product', 'chip', 'version', 'status', 'label', 'mark'] as const;
export type NumberedBy = (typeof NUMBERED_BY)[number];

export const DeviceNumbers = Type.Object(
  {
    devices: Type.Unsafe<number>({ ...Count, description: 'that the query means' }),
    numbers: Type.Array(
      Type.Object({
        by: oneOf(NUMBERED_BY),
        values: Type.Array(
          Type.Object({
            value: Nullable(Type.String(), { description: 'null: the device does not say it' }),
            devices: Type.Integer({ minimum: 1 }),
          }),
          { description: 'the largest number first; the first of them where there are very many' },
        ),
        more: Type.Integer({ minimum: 0, description: 'values that are left out' }),
      }),
    ),
  },
  { $id: 'DeviceNumbers' },
);
export type DeviceNumbers = Static<typeof DeviceNumbers>;
