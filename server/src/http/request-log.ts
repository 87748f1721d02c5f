// From the first to the last of a request: its id, and in the end one line with who asked, what was decided and why. Addresses are logged
// without their query, headers and bodies never, so that no token can get into a log.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { addAnswer, hasTooManyAnswers, removeAnswer } from '#server/http/answer/open-answers.ts';
import { addressOf } from '#server/http/request/client-address.ts';
import { hideTokens } from '#server/http/hide-tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request came to, for its log line. */
    outcome: Readonly<Record<string, string>> | undefined;
    /** What was odd about it but did not stand in the way. */
    warnings: readonly string[] | undefined;
  }
}

/** A client that is still sending its refused body may read the answer for this long before the connection is cut. */
export const LINGER_MS = 2_000;

const process = randomBytes(4).toString('hex');
let count = 0;

/** Unique among all server processes, short enough to read out. */
export function nextRequestId(): string {
  count += 1;
  return `${process}-${count.toString(36)}`;
}

export function addRequestLog(app: FastifyInstance): void {
  app.decorateRequest('outcome', undefined);
  app.decorateRequest('warnings', undefined);
  app.addHook('onRequest', (request, reply, done) => {
    beginRequest(request, reply);
    const { socket } = request.raw;
    // An answer would stand behind all others, and nobody reads those: the request ends here, without one.
    if (hasTooManyAnswers(socket)) socket.destroy();
    else done();
  });
}

/** For every request before anything else; called by hand where no hook runs. */
export function beginRequest(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('x-request-id', request.id);
  const { socket } = request.raw;
  addAnswer(socket, reply.raw);
  // Not Fastify's onResponse, which says nothing of an answer that was cut: a board that went away is worth a line, too.
  reply.raw.once('close', () => {
    removeAnswer(socket, reply.raw);
    endRequest(request, reply);
  });
}

function endRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  if (!raw.complete) setTimeout(() => raw.destroy(), LINGER_MS).unref();
  logRequest(request, reply);
}

function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { warnings } = request;
  const line = {
    request_id: request.id,
    method: request.method,
    path: pathOf(request.url),
    status: reply.raw.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ip: addressOf(request),
    ...(reply.raw.writableFinished ? {} : { cut: true }),
    ...request.outcome,
    ...(warnings === undefined ? {} : { warnings }),
  };
  if (warnings === undefined) request.log.info(line, 'request');
  else request.log.warn(line, 'request');
}

function pathOf(url: string): string {
  const [path = ''] = url.split('?', 1);
  return hideTokens(path);
}
