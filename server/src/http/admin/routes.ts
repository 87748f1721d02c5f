// The admin API: the table of `protocol/admin/routes.ts`, each route tied to one service. A route without a service, or a
// service whose answer does not fit, does not compile.

import { macName } from '#protocol/identity.ts';
import type { FastifyInstance } from 'fastify';
import { adminRoutes, type AdminRoute, type AdminRouteName } from '#protocol/admin/routes.ts';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { MAX_ADMIN_BODY_BYTES } from '#protocol/limits.ts';
import { listAssignments } from '#server/service/fleet/assignments.ts';
import { changeInBulk, previewBulk } from '#server/service/bulk/bulk.ts';
import { getBoardSettings } from '#server/service/fleet/board-settings.ts';
import { configurePins } from '#server/service/pins/configure.ts';
import { getPins } from '#server/service/pins/pins.ts';
import type { Deps } from '#server/service/deps.ts';
import { verifyAudit } from '#server/service/events/audit-chain.ts';
import { listEvents } from '#server/service/events/events.ts';
import { viewWebhooks } from '#server/service/events/webhooks.ts';
import { listRecipients, testRecipients } from '#server/service/notices/recipients.ts';
import { createLabel, deleteLabel, labelDevices, listLabels, updateLabel } from '#server/service/fleet/labels.ts';
import { getBudgets, removeBudget, setBudget } from '#server/service/fleet/budgets.ts';
import { keepQuery, listQueries, removeQuery } from '#server/service/queries/saved-queries.ts';
import { deletePlan, getPlan, listPlans, setPlan } from '#server/service/rollouts/plans.ts';
import { createLoginLink, getSessions, revokeSession } from '#server/service/access/sessions.ts';
import { getStatus, listAudit, type ServerFacts } from '#server/service/fleet/status.ts';
import { readVersions } from './version-members.ts';
import { deviceHandlers } from './device-handlers.ts';
import { firmwareHandlers } from './firmware-handlers.ts';
import { signatureHandlers } from './signature-handlers.ts';
import { type Call, type Handlers, yes } from './handlers.ts';
import { productHandlers } from './product-handlers.ts';
import { rolloutHandlers } from './rollout-handlers.ts';
import { scheduleHandlers } from './schedule-handlers.ts';

export function addAdminRoutes(app: FastifyInstance, deps: Deps, server: () => ServerFacts, clock: () => number): void {
  const handlers = handlersFor(deps, server);
  for (const name of Object.keys(adminRoutes)) if (isRouteName(name)) addRoute(app, name, handlers, clock);
}

function handlersFor(deps: Deps, server: () => ServerFacts): Handlers {
  return {
    getStatus: async ({ nowMs }) => getStatus(deps, server(), nowMs),
    getBoardSettings: async () => getBoardSettings(deps, server().port),
    getPins: async () => getPins(deps),
    configurePins: async ({ body, nowMs, by }) => configurePins(deps, body, by, nowMs),
    getBoardProblems: async () => ({ items: [...deps.boardProblems.list()] }),

    ...deviceHandlers(deps),

    ...productHandlers(deps),

    getRecipients: async () => ({ items: await listRecipients(deps) }),
    getWebhooks: async () => ({ items: await viewWebhooks(deps) }),
    testRecipients: async ({ body, nowMs, by }) => ({ items: await testRecipients(deps, body.name, by, nowMs) }),

    listLabels: async ({ query }) => listLabels(deps, query),
    createLabel: async ({ body, nowMs, by }) => createLabel(deps, body, by, nowMs),
    updateLabel: async ({ params, body, nowMs, by }) => updateLabel(deps, params.name, body, by, nowMs),
    deleteLabel: async ({ params, query, nowMs, by }) =>
      deleteLabel(deps, params.name, yes(query).isConfirmed, by, nowMs),
    labelDevices: async ({ params, body, nowMs, by }) =>
      labelDevices(deps, params.name, { refs: body.macs.map(macName), isConfirmed: body.confirm ?? false }, by, nowMs),

    previewBulk: async ({ query, nowMs, by }) => previewBulk(deps, query, by, nowMs),
    getQueries: async ({ nowMs }) => ({ items: await listQueries(deps, nowMs) }),
    saveQuery: async ({ params, body, nowMs, by }) => keepQuery(deps, params.name, body.where, by, nowMs),
    removeQuery: async ({ params, nowMs, by }) => removeQuery(deps, params.name, by, nowMs),
    changeInBulk: async ({ body, nowMs, by }) => changeInBulk(deps, body, by, nowMs),

    ...firmwareHandlers(deps),

    getPlans: async () => listPlans(deps),
    getPlan: async ({ params }) => getPlan(deps, params.name),
    setPlan: async ({ params, body, nowMs, by }) => setPlan(deps, params.name, body, by, nowMs),
    deletePlan: async ({ params, nowMs, by }) => deletePlan(deps, params.name, by, nowMs),

    ...rolloutHandlers(deps),

    listAssignments: async ({ query }) =>
      listAssignments(deps, { ...query, device: query.mac === undefined ? undefined : macName(query.mac) }),

    ...scheduleHandlers(deps),

    ...signatureHandlers(deps),

    getBudgets: async () => ({ items: await getBudgets(deps) }),
    setBudget: async ({ params, body, by, nowMs }) => setBudget(deps, params.key, body, by, nowMs),
    removeBudget: async ({ params, by, nowMs }) => removeBudget(deps, params.key, by, nowMs),

    listAudit: async ({ query }) => listAudit(deps, query),
    verifyAudit: async () => verifyAudit(deps),
    listEvents: async ({ query }) => listEvents(deps, query),

    getSessions: async ({ by, nowMs }) => getSessions(deps, by, nowMs),
    revokeSession: async ({ params, by, nowMs }) => revokeSession(deps, params.session, by, nowMs),
    createLoginLink: async ({ by, nowMs }) => createLoginLink(deps, by, nowMs),
  };
}

function addRoute(app: FastifyInstance, name: AdminRouteName, handlers: Handlers, clock: () => number): void {
  const route: AdminRoute = adminRoutes[name];
  // Params, query and body reach the handler only after Fastify has checked them against the schemas of this very route.
  const handle = handlers[name] as (call: CheckedCall) => Promise<object>;
  app.route({
    method: route.method,
    url: route.path,
    config: { scope: route.role, maxBodyBytes: route.rawBody ? 0 : MAX_ADMIN_BODY_BYTES, requiresBody: route.rawBody },
    schema: {
      operationId: name,
      tags: [route.tag],
      summary: route.summary,
      security: [{ adminToken: [] }],
      params: route.params,
      querystring: route.query,
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.rawBody ? { consumes: ['application/octet-stream'] } : {}),
      response: { 200: route.answer, [route.status]: route.answer, '4xx': ErrorAnswer, '5xx': ErrorAnswer },
    },
    // Devices are found by the text that they report.
    ...(name === 'listDevices' ? {} : { preValidation: readVersions }),
    handler: async (request, reply) => {
      const { params, query, body, raw, headers } = request;
      const answer = await handle({
        params,
        query,
        body,
        raw,
        header: (wanted) => [headers[wanted]].flat()[0],
        by: request.principal,
        nowMs: clock(),
      });
      request.outcome = { action: name };
      const isRepeat = 'already_there' in answer && answer.already_there === true;
      return reply.code(isRepeat ? 200 : route.status).send(answer);
    },
  });
}

/** A call whose parts have passed their schemas, whichever route it is. */
interface CheckedCall extends Pick<Call<AdminRouteName>, 'raw' | 'header' | 'by' | 'nowMs'> {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

function isRouteName(name: string): name is AdminRouteName {
  return Object.hasOwn(adminRoutes, name);
}
