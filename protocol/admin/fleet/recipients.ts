// Who is told by the server what needs a person: recipients of `config/server.yml`, without what only the server may know.

import { type Static, Type } from 'typebox';
import { Nullable, oneOf } from '#protocol/admin/shapes.ts';
import { Instant, Name } from '#protocol/words.ts';

export const SHAPES = ['slack', 'teams', 'discord', 'ntfy', 'mail'] as const;
export type Shape = (typeof SHAPES)[number];

export const Recipient = Type.Object(
  {
    name: Name,
    shape: oneOf(SHAPES, { description: 'how it is told' }),
    host: Type.String({ description: 'where that goes; the rest of the address may be a secret' }),
    types: Type.Array(Type.String(), { description: 'types of events that it is told of' }),
    failures: Type.Integer({ minimum: 0, description: 'in a row' }),
    failing_since: Nullable(Instant),
    last_error: Nullable(Type.String()),
  },
  { $id: 'Recipient' },
);
export type Recipient = Static<typeof Recipient>;

/** A program that is told of events. */
export const Webhook = Type.Object(
  {
    name: Name,
    host: Type.String({ description: 'where that goes; the rest of the address may be a secret' }),
    types: Nullable(Type.Array(Type.String()), { description: 'types of events that it is told of; null: all' }),
    failures: Type.Integer({ minimum: 0, description: 'in a row' }),
    failing_since: Nullable(Instant),
    last_error: Nullable(Type.String()),
    next_try_at: Nullable(Instant, { description: 'null: nothing has to be tried again' }),
  },
  { $id: 'Webhook' },
);
export type Webhook = Static<typeof Webhook>;

export const NoticeTest = Type.Object(
  {
    name: Name,
    shape: oneOf(SHAPES),
    ok: Type.Boolean({ description: 'it took the message' }),
    why: Nullable(Type.String(), { description: 'what went wrong' }),
  },
  { $id: 'NoticeTest' },
);
export type NoticeTest = Static<typeof NoticeTest>;
