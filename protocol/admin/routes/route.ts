// What a row of the table of admin routes is, and what rows share: paging, names, questions.

import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { Line, oneOf } from '#protocol/admin/shapes.ts';
import { EVENT_FILTER_TYPES, type EventFilterType } from '#protocol/admin/events.ts';
import { MAX_TIMEZONE_CHARS } from '#protocol/limits.ts';
import { DeviceRefText } from '#protocol/identity.ts';
import { LabelName, Name, RolloutName, Version } from '#protocol/words.ts';

export const ADMIN_PREFIX = '/api/v1/admin';

/** Today there is one: whoever holds the admin token. */
export type Role = 'admin';

export interface AdminRoute<
  P extends TObject = TObject,
  Q extends TObject = TObject,
  B extends TSchema = TSchema,
  A extends TSchema = TSchema,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** What who calls it must be. */
  readonly role: Role;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  /** JSON body; undefined where there is none. An upload has a raw body, see `rawBody`. */
  readonly body: B | undefined;
  readonly rawBody: boolean;
  readonly status: 200 | 201;
  readonly answer: A;
}

export type ParamsOf<R> = R extends AdminRoute<infer P> ? Static<P> : never;
export type QueryOf<R> = R extends AdminRoute<TObject, infer Q> ? Static<Q> : never;
export type BodyOf<R> = R extends AdminRoute<TObject, TObject, infer B> ? Static<B> : never;
export type AnswerOf<R> = R extends AdminRoute<TObject, TObject, TSchema, infer A> ? Static<A> : never;

export const Nothing = Type.Object({}, { additionalProperties: false });
export const strict = { additionalProperties: false } as const;
export const ref = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T>>(Type.Ref((schema as unknown as { readonly $id: string }).$id));

/** Query of every list. Numbers travel as text in a query; `limit` is 1 to 500. */
export const paging = {
  limit: Type.Optional(Type.String({ description: '1 to 500, default 50', maxLength: 20 })),
  cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before', maxLength: 500 })),
  sort: Type.Optional(
    Type.String({ description: 'a field of the allow-list; a leading `-` sorts in the other order', maxLength: 40 }),
  ),
  total: Type.Optional(
    Type.Unsafe<'true' | 'false'>({
      ...oneOf(['true', 'false']),
      description: 'whether to count all that the filter finds',
    }),
  ),
};
export const page = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'null: this was the last page' }),
    total: Type.Optional(Type.Integer({ description: 'of all pages; only where the query asked for it' })),
  });
export const device = Type.Object({ device: DeviceRefText });
export const named = Type.Object({ name: Name });
export const labelled = Type.Object({ name: LabelName });
export const rolloutName = Type.Object({ name: RolloutName });
export const firmwareVersion = Type.Object({ version: Version });
export const product = {
  product: Type.Optional(
    Type.Unsafe<string>({ ...Name, description: 'needed where several products have this version' }),
  ),
};
export const eventFilter = {
  rollout: Type.Optional(RolloutName),
  product: Type.Optional(Name),
  type: Type.Optional(
    Type.Unsafe<EventFilterType>({
      type: 'string',
      enum: [...EVENT_FILTER_TYPES],
      description: 'a type, or what comes before its dot for all of those',
    }),
  ),
  after: Type.Optional(
    Type.String({ description: 'only events after this id; `0` is before the first one', maxLength: 40 }),
  ),
};
export const timezone = Type.String({ maxLength: MAX_TIMEZONE_CHARS, examples: ['Europe/Berlin'] });
export const reason = Type.Object({ reason: Type.Optional(Line) }, strict);

export const CONFIRM = 'do it although a rollout under way has a stage for this label';
export const confirm = Type.Object(
  { confirm: Type.Optional(Type.Unsafe<'true' | 'false'>({ ...oneOf(['true', 'false']), description: CONFIRM })) },
  strict,
);

export const confirmRemoval = Type.Object(
  {
    confirm: Type.Optional(
      Type.Unsafe<'true' | 'false'>({
        ...oneOf(['true', 'false']),
        description: 'do it; without it the answer says what would go',
      }),
    ),
  },
  strict,
);

export interface RouteExtras<P extends TObject, Q extends TObject, B extends TSchema> {
  /** Left out: `admin`. */
  readonly role?: Role;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly rawBody?: boolean;
  readonly status?: 200 | 201;
}

export function route<
  A extends TSchema,
  P extends TObject = typeof Nothing,
  Q extends TObject = typeof Nothing,
  B extends TSchema = typeof Nothing,
>(
  method: AdminRoute['method'],
  path: string,
  summary: string,
  answer: A,
  extras: RouteExtras<P, Q, B> = {},
): AdminRoute<P, Q, B, A> {
  return {
    method,
    role: extras.role ?? 'admin',
    path: ADMIN_PREFIX + path,
    tag: path.split('/')[1] ?? '',
    summary,
    params: extras.params ?? (Nothing as unknown as P),
    query: extras.query ?? (Nothing as unknown as Q),
    body: extras.body,
    rawBody: extras.rawBody ?? false,
    status: extras.status ?? 200,
    answer,
  };
}
