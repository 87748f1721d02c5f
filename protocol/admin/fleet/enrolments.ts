// Device tokens as operators see them: what a board has, and who asks to be let in.

import { type Static, Type } from 'typebox';
import { Instant, Mac } from '#protocol/words.ts';
import { Count, Nullable, oneOf } from '#protocol/admin/shapes.ts';

const TokenPrefix = Type.String({
  pattern: '^[0-9a-f]{1,64}$',
  description: 'how the SHA-256 of the token begins, hex; the board logs the same',
  examples: ['4f2a9c01'],
});

/** For a query: which of several. */
export const TokenChoice = Type.Object({ prefix: Type.Optional(TokenPrefix) }, { additionalProperties: false });

export const PendingEnrolment = Type.Object(
  {
    mac: Mac,
    token_prefix: TokenPrefix,
    asked_at: Instant,
    address: Type.String({ description: 'from which it asked first' }),
    has_token: Type.Boolean({ description: 'true: this MAC has an accepted token already' }),
    claimed_twice: Type.Boolean({ description: 'true: somebody speaks for it with the fleet token beside that' }),
  },
  { $id: 'PendingEnrolment' },
);
export type PendingEnrolment = Static<typeof PendingEnrolment>;

export const DeviceIdentity = Type.Object(
  {
    mac: Mac,
    token: oneOf(['none', 'accepted', 'revoked']),
    token_prefix: Nullable(TokenPrefix),
    enrolled_at: Nullable(Instant),
    spoke_last: Nullable(oneOf(['device_token', 'fleet_token']), { description: 'null: its token was not used yet' }),
    claimed_twice_at: Nullable(Instant),
    open_until: Nullable(Instant, { description: 'the next enrolment until then is accepted' }),
    pending: Type.Array(Type.Unsafe<PendingEnrolment>(Type.Ref('PendingEnrolment'))),
  },
  { $id: 'DeviceIdentity' },
);
export type DeviceIdentity = Static<typeof DeviceIdentity>;

export const AcceptedEnrolments = Type.Object(
  {
    accepted: Count,
    ambiguous: Type.Integer({ minimum: 0, description: 'boards that asked with several tokens, and still wait' }),
    examples: Type.Array(Mac, { description: 'some of those' }),
    revoked: Type.Integer({
      minimum: 0,
      description: 'boards whose token was revoked: they still wait, each for a person who names it',
    }),
  },
  { $id: 'AcceptedEnrolments' },
);
export type AcceptedEnrolments = Static<typeof AcceptedEnrolments>;
