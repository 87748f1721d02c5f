// How many devices of a product ran which version, hour by hour, and what its rollouts did meanwhile.

import { type Static, Type } from 'typebox';
import { Instant } from '#protocol/words.ts';
import { Count, oneOf } from '#protocol/admin/shapes.ts';

export const ProductHistory = Type.Object(
  {
    product: Type.String(),
    from: Type.Unsafe<string>({ ...Instant, description: 'when the first of the hours that were asked for began' }),
    next_at: Type.Unsafe<string>({ ...Instant, description: 'when devices are counted next' }),
    versions: Type.Array(Type.String(), { description: 'that most devices ran, the most first' }),
    hours: Type.Array(
      Type.Object({
        at: Type.Unsafe<string>({ ...Instant, description: 'when the hour began; devices were counted soon after' }),
        devices: Type.Array(Count, { description: 'in the order of `versions`' }),
        others: Type.Integer({ minimum: 0, description: 'devices of all other versions' }),
      }),
      { description: 'the earliest first; an hour in which no server was there is missing' },
    ),
    turns: Type.Array(
      Type.Object({
        at: Instant,
        turn: oneOf(['started', 'halted', 'regressed', 'reverted']),
        rollout: Type.String(),
        version: Type.String(),
      }),
      { description: 'what rollouts of the product did meanwhile, the earliest first' },
    ),
  },
  { $id: 'ProductHistory' },
);
export type ProductHistory = Static<typeof ProductHistory>;
