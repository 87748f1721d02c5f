// What a route of the admin API is handled by: a call whose parts have passed their schemas, and an answer that fits its own.

import type { IncomingMessage } from 'node:http';
import type { AdminRouteName, adminRoutes, AnswerOf, BodyOf, ParamsOf, QueryOf } from '#protocol/admin/routes.ts';
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
