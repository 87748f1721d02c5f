// The HTTPS server: limits, parsers, hooks, routes. It knows HTTP and nothing of rollouts.

import { Server as TlsServer } from 'node:tls';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { ADMIN_SCHEMAS } from '#protocol/admin/schemas.ts';
import {
  CheckUpdateAnswer,
  CheckUpdateRequest,
  EnrolAnswer,
  EnrolRequest,
  ErrorAnswer,
  ReportStatusAnswer,
  ReportStatusRequest,
} from '#protocol/device/api.ts';
import { ADDRESS_BURST_S, HANDSHAKES_OF_ADDRESSES, MAX_HANDSHAKE_S, MAX_HEADER_LINES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import type { Deps } from '#server/service/deps.ts';
import type { ServerFacts } from '#server/service/fleet/status.ts';
import { addAdminRoutes } from '#server/http/admin/routes.ts';
import { collectMethods } from '#server/http/request/allowed-methods.ts';
import { addLogIn } from '#server/http/access/log-in.ts';
import { addDashboard } from '#server/http/dashboard/routes.ts';
import { resumeSession } from '#server/service/access/sessions.ts';
import { addAuth, digestToken } from './auth.ts';
import { addDeviceRoutes } from '#server/http/device/routes.ts';
import { addDocRoutes, addOpenApi } from './docs.ts';
import { addDownloadRoutes } from '#server/http/download/routes.ts';
import { addFailedHandshakes } from '#server/http/front/failed-handshakes.ts';
import { AddressRate } from '#server/http/front/address-rate.ts';
import { guardConnections, type Proxies } from '#server/http/front/connections.ts';
import { Places } from '#server/http/front/places.ts';
import { addRequestRate } from '#server/http/front/request-rate.ts';
import { CONNECTION_LIMITS, HTTP_LIMITS, TLS_LIMITS } from '#server/http/front/listening-limits.ts';
import { closeQuietConnections } from '#server/http/front/quiet-connections.ts';
import { WrongTokens } from '#server/http/front/wrong-tokens.ts';
import { addRefusals } from '#server/http/device/refusals.ts';
import { answerBrokenRequest } from '#server/http/request/broken-request.ts';
import { addEventRoutes } from '#server/http/events/routes.ts';
import { addBrowserHeaders } from '#server/http/answer/browser-headers.ts';
import { addErrorAnswers, answerFrameworkError } from '#server/http/answer/error-answer.ts';
import { addLargeAnswers } from '#server/http/answer/large-answers.ts';
import { addPublicRoutes } from './public-routes.ts';
import { addBodyParsers } from '#server/http/request/read-body.ts';
import { addRequestForm } from '#server/http/request/request-form.ts';
import { addRequestLog, nextRequestId } from './request-log.ts';

export interface AppOptions {
  readonly deps: Deps;
  /** `isSignedByOthers`: the certificate is not self-signed. */
  readonly tls: { readonly cert: string; readonly key: string; readonly isSignedByOthers: boolean };
  /** `formerFleet`: still valid beside the other. */
  readonly tokens: { readonly fleet: string; readonly formerFleet: string | undefined; readonly admin: string };
  readonly proxies: Proxies;
  readonly speakProxyProtocol: boolean;
  readonly maxConnections: number;
  /** Requests, and new connections, of one address in a second. */
  readonly perAddress: number;
  readonly server: () => ServerFacts;
  /** UTC milliseconds. */
  readonly clock: () => number;
}

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { deps, proxies } = options;
  const loggerInstance: FastifyBaseLogger = deps.log;
  const app = Fastify({
    https: {
      cert: options.tls.cert,
      key: options.tls.key,
      ...TLS_LIMITS,
      ...HTTP_LIMITS,
      // Clients of HTTP/1.0 that name their protocol are refused in the handshake where it is not listed.
      ALPNProtocols: ['http/1.1', 'http/1.0'],
    },
    ...CONNECTION_LIMITS,
    forceCloseConnections: 'idle',
    trustProxy: proxies.isEmpty
      ? false
      : (address: string | undefined) => address !== undefined && proxies.has(address),
    loggerInstance,
    // One line per request comes from `request-log.ts`; a child logger for each would only cost time.
    logController: new Fastify.LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    requestIdHeader: false,
    genReqId: nextRequestId,
    // Its own 503 says not when to come back; what is asked of a server that stops is answered like all that came before.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 120 },
    frameworkErrors: answerFrameworkError,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
    clientErrorHandler: (error, socket) => answerBrokenRequest(loggerInstance, error, socket),
  });
  // Answers are built field by field from typed values. To compile a serializer for each route would be most of a start.
  app.setSerializerCompiler(() => JSON.stringify);
  const { server } = app;
  if (server instanceof TlsServer) deps.ticketKeys.serve((key) => server.setTicketKeys(key));
  app.server.maxConnections = options.maxConnections;
  app.server.maxHeadersCount = MAX_HEADER_LINES + 1;
  closeQuietConnections(app.server);
  const methodsOf = collectMethods(app);
  await addOpenApi(app);
  addRequestLog(app);
  addBrowserHeaders(app, options.tls);
  addErrorAnswers(app, methodsOf);
  addRefusals(app, deps.boardProblems, options.clock);
  addFailedHandshakes(app, deps.boardProblems, options.clock);
  addFront(app, options);
  addRequestForm(app);
  addBodyParsers(app);
  addLargeAnswers(app);
  const { fleet, formerFleet, admin } = options.tokens;
  const digests = {
    fleet: digestToken(fleet),
    formerFleet: formerFleet === undefined ? undefined : digestToken(formerFleet),
    admin: digestToken(admin),
  };
  const wrongTokens = new WrongTokens(steadyMs);
  addAuth(app, digests, {
    resume: async (secret) => resumeSession(deps, secret, options.clock()),
    boardRates: deps.boardRates,
    knownTokens: deps.knownTokens,
    wrongTokens,
  });
  addSchemas(app);
  addPublicRoutes(app, deps);
  addDocRoutes(app);
  addDeviceRoutes(app, deps, options.clock);
  addDownloadRoutes(app, deps, options.clock);
  addAdminRoutes(app, deps, options.server, options.clock);
  addEventRoutes(app, deps, options.clock);
  addLogIn(app, deps, { digests, wrongTokens, clock: options.clock });
  addDashboard(app);
  return app;
}

/** What one address may do. */
function addFront(app: FastifyInstance, options: AppOptions): void {
  const { perAddress, proxies } = options;
  const bounds = { most: perAddress * ADDRESS_BURST_S, perS: perAddress };
  const mostOfEach = perAddress * MAX_HANDSHAKE_S;
  guardConnections(app.server, {
    ...options,
    rate: new AddressRate(bounds, steadyMs),
    handshakes: new Places({ mostOfEach, most: mostOfEach * HANDSHAKES_OF_ADDRESSES }),
  });
  addRequestRate(app, new AddressRate(bounds, steadyMs), proxies);
}

function steadyMs(): number {
  return performance.now();
}

function addSchemas(app: FastifyInstance): void {
  for (const schema of [
    Manifest,
    CheckUpdateRequest,
    CheckUpdateAnswer,
    ReportStatusRequest,
    ReportStatusAnswer,
    EnrolRequest,
    EnrolAnswer,
    ErrorAnswer,
    ...ADMIN_SCHEMAS,
  ])
    app.addSchema(schema);
}
