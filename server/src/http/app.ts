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
import { MAX_HEADER_BYTES, MAX_HEADER_LINES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import type { Deps } from '#server/service/deps.ts';
import type { ServerFacts } from '#server/service/fleet/status.ts';
import { addAdminRoutes } from '#server/http/admin/routes.ts';
import { collectMethods } from '#server/http/request/allowed-methods.ts';
import { addLogIn } from '#server/http/access/log-in.ts';
import { addDashboard } from '#server/http/dashboard/routes.ts';
import { TICKET_WEEK_S } from '#server/service/access/ticket-keys.ts';
import { resumeSession } from '#server/service/access/sessions.ts';
import { addAuth, digestToken } from './auth.ts';
import { addDeviceRoutes } from '#server/http/device/routes.ts';
import { addDocRoutes, addOpenApi } from './docs.ts';
import { addDownloadRoutes } from '#server/http/download/routes.ts';
import { addFailedHandshakes } from './failed-handshakes.ts';
import { addRefusals } from '#server/http/device/refusals.ts';
import { answerBrokenRequest } from '#server/http/request/broken-request.ts';
import { addEventRoutes } from '#server/http/events/routes.ts';
import { addErrorAnswers, answerFrameworkError } from '#server/http/answer/error-answer.ts';
import { addLargeAnswers } from '#server/http/answer/large-answers.ts';
import { addPublicRoutes } from './public-routes.ts';
import { addBodyParsers } from '#server/http/request/read-body.ts';
import { addRequestForm } from '#server/http/request/request-form.ts';
import { addRequestLog, nextRequestId } from './request-log.ts';

export interface AppOptions {
  readonly deps: Deps;
  readonly tls: { readonly cert: string; readonly key: string };
  /** `formerFleet`: still valid beside the other. */
  readonly tokens: { readonly fleet: string; readonly formerFleet: string | undefined; readonly admin: string };
  readonly trustProxy: readonly string[];
  readonly maxConnections: number;
  readonly server: () => ServerFacts;
  /** UTC milliseconds. */
  readonly clock: () => number;
}

/** Of TLS 1.3 all; of TLS 1.2 those with forward secrecy and authenticated encryption (RFC 9325, 4.2): no CBC, no SHA-1. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Times in milliseconds; Node's own defaults leave some of them at "none". */
const HEADERS_TIMEOUT_MS = 10_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
const IDLE_SOCKET_MS = 90_000;
const CONNECTION_CHECK_MS = 5_000;
const MAX_REQUESTS_PER_SOCKET = 1_000;

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { deps } = options;
  const loggerInstance: FastifyBaseLogger = deps.log;
  const app = Fastify({
    https: {
      ...options.tls,
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      // Clients of HTTP/1.0 that name their protocol are refused in the handshake where it is not listed.
      ALPNProtocols: ['http/1.1', 'http/1.0'],
      sessionTimeout: TICKET_WEEK_S,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Refused in `request-form.ts`, in the words of this API.
      requireHostHeader: false,
      // Bodies have deadlines of their own (`read-body.ts`): an upload over a slow line may take long.
      requestTimeout: 0,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
    },
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: IDLE_SOCKET_MS,
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    forceCloseConnections: 'idle',
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    loggerInstance,
    // One line per request comes from `request-log.ts`; a child logger for each would only cost time.
    logController: new Fastify.LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    requestIdHeader: false,
    genReqId: nextRequestId,
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
  const methodsOf = collectMethods(app);
  await addOpenApi(app);
  addRequestLog(app);
  addErrorAnswers(app, methodsOf);
  addRefusals(app, deps.boardProblems, options.clock);
  addFailedHandshakes(app, deps.boardProblems, options.clock);
  addRequestForm(app);
  addBodyParsers(app);
  addLargeAnswers(app, deps.random);
  const { fleet, formerFleet, admin } = options.tokens;
  const digests = {
    fleet: digestToken(fleet),
    formerFleet: formerFleet === undefined ? undefined : digestToken(formerFleet),
    admin: digestToken(admin),
  };
  addAuth(app, digests, {
    resume: async (secret) => resumeSession(deps, secret, options.clock()),
    knownTokens: deps.knownTokens,
  });
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
  addPublicRoutes(app, deps);
  addDocRoutes(app);
  addDeviceRoutes(app, deps, options.clock);
  addDownloadRoutes(app, deps, options.clock);
  addAdminRoutes(app, deps, options.server, options.clock);
  addEventRoutes(app, deps, options.clock);
  addLogIn(app, deps, digests, options.clock);
  addDashboard(app);
  return app;
}
