// Queries that operators keep by a name.

import { type Static, Type } from 'typebox';
import { Instant, Name } from '#protocol/words.ts';
import { Count } from '../shapes.ts';

export const SavedQuery = Type.Object(
  {
    name: Type.Unsafe<string>({ ...Name, description: '`@` and this name stand for it in every other query' }),
    where: Type.String(),
    devices: Type.Unsafe<number>({ ...Count, description: 'how many it means now' }),
    saved_by: Type.String(),
    saved_at: Instant,
  },
  { $id: 'SavedQuery' },
);
export type SavedQuery = Static<typeof SavedQuery>;
