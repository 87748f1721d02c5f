// What a handler of an admin route gets and gives: the table of `protocol/admin/routes.ts` says both.

import type { IncomingMessage } from 'node:http';
import {
  adminRoutes,
  type AdminRouteName,
  type AnswerOf,
  type BodyOf,
  type ParamsOf,
  type QueryOf,
} from '#protocol/admin/routes.ts';
import type { Principal } from '#server/service/principal.ts';

export interface Call<Name extends AdminRouteName> {
  readonly params: ParamsOf<(typeof adminRoutes)[Name]>;
  readonly query: QueryOf<(typeof adminRoutes)[Name]>;
  readonly body: BodyOf<(typeof adminRoutes)[Name]>;
  /** The body of an upload, as it comes. */
  readonly raw: IncomingMessage;
  readonly header: (name: string) => string | undefined;
  readonly by: Principal;
  readonly nowMs: number;
}

export type Handlers = {
  readonly [Name in AdminRouteName]: (call: Call<Name>) => Promise<AnswerOf<(typeof adminRoutes)[Name]>>;
};

/** What the query says of a question that a person has answered. */
export function yes(query: { readonly confirm?: 'true' | 'false' }) {
  return { isConfirmed: query.confirm === 'true' };
}
