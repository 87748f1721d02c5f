// One change of every device that a query means. Who asks hears the numbers first; a fleet is changed a thousand devices at a time,
// some thousands with each request, so that nobody waits for long and a change that was broken off goes on where it is repeated.

import { type Static, Type } from 'typebox';
import { MAX_QUERY_CHARS } from '#protocol/limits.ts';
import { Instant, LabelName, Version } from '#protocol/words.ts';
import { WAYS_BACK } from '../devices.ts';
import { Count, Examples, Line, oneOf } from '../shapes.ts';

const BULK_VERBS = ['label', 'unlabel', 'hold', 'release', 'clear_known_bad', 'retry', 'revoke', 'remove'] as const;

export const Where = Type.String({
  maxLength: 4 * MAX_QUERY_CHARS,
  description: 'which devices are meant, in the words of docs/querying.md',
  examples: ['chip = esp32c3 and version < 1.4 and label lab and not seen for 7d'],
});

const LIMIT =
  'at most so many devices; for label and hold: until so many of them have it, so that a repeat changes nothing';

/** What is meant, in a query of an address and in a body. */
const meant = {
  verb: oneOf(BULK_VERBS),
  where: Where,
  label: Type.Optional(Type.Unsafe<string>({ ...LabelName, description: 'which one; for label and unlabel' })),
  version: Type.Optional(
    Type.Unsafe<string>({ ...Version, description: 'of the build that is forgiven; for clear_known_bad' }),
  ),
};

export const BulkQuery = Type.Object(
  { ...meant, limit: Type.Optional(Type.String({ maxLength: 9, pattern: '^[1-9][0-9]*$', description: LIMIT })) },
  { additionalProperties: false },
);
export type BulkQuery = Static<typeof BulkQuery>;

export const BulkChange = Type.Object(
  {
    ...meant,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 999_999_999, description: LIMIT })),
    reason: Type.Optional(Type.Unsafe<string>({ ...Line, description: 'for hold, which needs it' })),
    until: Type.Optional(Type.Unsafe<string>({ ...Instant, description: 'for hold: when it ends by itself' })),
    way_back: Type.Optional(oneOf(WAYS_BACK, { description: 'for hold, as of one device' })),
    confirm: Type.Optional(Type.Boolean({ description: 'do it; without it the answer says how many devices it is' })),
    cursor: Type.Optional(
      Type.String({
        maxLength: 500,
        description: '`next_cursor` of the answer before; the other members stay the same',
      }),
    ),
  },
  { additionalProperties: false },
);
export type BulkChange = Static<typeof BulkChange>;

export const BulkPreview = Type.Object(
  {
    matched: Type.Integer({ minimum: 0, description: 'devices that the query means' }),
    to_change: Type.Integer({ minimum: 0, description: 'of those, how many the verb would change' }),
    full: Type.Integer({ minimum: 0, description: 'left out: they have as many labels as a device may have' }),
    examples: Examples,
    warnings: Type.Array(Type.String(), { description: 'what it does to rollouts under way' }),
  },
  { $id: 'BulkPreview' },
);
export type BulkPreview = Static<typeof BulkPreview>;

export const BulkAnswer = Type.Object(
  {
    changed: Count,
    left: Type.Integer({ minimum: 0, description: 'how many are still to come' }),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'to go on with; null: it is done' }),
  },
  { $id: 'BulkAnswer' },
);
export type BulkAnswer = Static<typeof BulkAnswer>;
