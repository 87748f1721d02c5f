// Every admin route: method, path, what goes in, what comes out, in words for the OpenAPI page. The server serves exactly
// this table and the command line calls exactly this table, so neither can drift from the other.

import { Type } from 'typebox';
import { deviceRoutes } from './routes/device-routes.ts';
import { firmwareRoutes } from './routes/firmware-routes.ts';
import { fleetRoutes } from './routes/fleet-routes.ts';
import { rolloutRoutes } from './routes/rollout-routes.ts';
import { scheduleRoutes } from './routes/schedule-routes.ts';
import { serverRoutes } from './routes/server-routes.ts';
import { Event } from '#protocol/admin/events.ts';
import { ADMIN_PREFIX, eventFilter, ref, strict } from './routes/route.ts';

export type { AdminRoute, AnswerOf, BodyOf, ParamsOf, QueryOf, Role } from './routes/route.ts';

export const adminRoutes = {
  ...serverRoutes,
  ...deviceRoutes,
  ...fleetRoutes,
  ...firmwareRoutes,
  ...rolloutRoutes,
  ...scheduleRoutes,
} as const;

export type AdminRouteName = keyof typeof adminRoutes;

/**
 * The one route that answers with a stream (`text/event-stream`), so no row of the table. The header `Last-Event-ID` wins
 * over `after`; with neither it begins with now.
 */
export const eventStream = {
  path: `${ADMIN_PREFIX}/events`,
  summary: 'Changes of rollouts, stages and assignments as they happen (server-sent events)',
  query: Type.Object(eventFilter, strict),
  event: ref(Event),
} as const;
