// The one map from errors to HTTP. Every refusal has the same shape, at most 1 KiB, without stack or secret; what is not
// an `OtterError` is a bug or broken I/O, logged whole and answered with nothing but a request id.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorAnswer } from '#protocol/device/api.ts';
import { type ErrorCode, HTTP_STATUS, OtterError } from '#protocol/errors.ts';
import { MAX_RETRY_SPREAD_S, MIN_RETRY_SPREAD_S } from '#protocol/limits.ts';
import type { MethodsOf } from '#server/http/request/allowed-methods.ts';
import { setBrowserHeaders } from './browser-headers.ts';
import { fieldError } from './field-error.ts';
import { forgetCookie } from '#server/http/access/session-cookie.ts';
import { beginRequest } from '#server/http/request-log.ts';
import { hideTokens } from '#server/http/hide-tokens.ts';

/** Longest message and hint: with code and id the answer stays under 1 KiB. */
const MAX_MESSAGE_CHARS = 500;
const MAX_HINT_CHARS = 250;

/** Seconds after which broken I/O may be whole again: somebody has to look. */
const BROKEN_IO_RETRY_S = 60;

/** Where such a request ends is a matter of opinion, so nothing behind it on its connection is believed. */
const AMBIGUOUS: ReadonlySet<ErrorCode> = new Set(['duplicate_header', 'request_malformed'] as const);

/** Seconds after which somebody who is refused with such a status may come back, where the refusal names no time. */
const COME_BACK_S = 60;
const COME_BACK: ReadonlySet<number> = new Set([429, 503]);

export function addErrorAnswers(app: FastifyInstance, methodsOf: MethodsOf): void {
  app.setErrorHandler(async (error: FastifyError, request, reply) => sendError(request, reply, toOtterError(error)));
  const refuseUnknown = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request);
    const methods = methodsOf(path);
    if (methods.length === 0) return sendError(request, reply, notFound(request.method, path));
    void reply.header('allow', methods.join(', '));
    return sendError(request, reply, methodNotAllowed(request.method, path, methods));
  };
  app.setNotFoundHandler(refuseUnknown);
  // Before its body is looked at: what an address that is not there takes is no question.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) return refuseUnknown(request, reply);
    return undefined;
  });
}

/** For what fails before a route is found, where no hook runs: a bad escape in the address, or a part too long. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  beginRequest(request, reply);
  void sendError(request, reply, toOtterError(error));
}

/** The body of an error answer. */
export function errorAnswer(error: OtterError, requestId: string): ErrorAnswer {
  return {
    error: {
      code: error.code,
      message: clip(hideTokens(error.message), MAX_MESSAGE_CHARS),
      hint: clip(hideTokens(error.hint), MAX_HINT_CHARS),
      request_id: requestId,
      ...(error.position === undefined ? {} : { position: error.position }),
    },
  };
}

/** What is answered for whatever was thrown. */
export function toOtterError(error: unknown): OtterError {
  if (error instanceof OtterError) return error;
  if (isValidationError(error)) return fieldError(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_CONTENT_TYPE':
      return new OtterError(
        'content_type',
        'the content type is not supported',
        'send application/json; an image as application/octet-stream (curl: --data-binary @file)',
        { cause: error },
      );
    case 'FST_ERR_BAD_URL':
      return new OtterError(
        'url_invalid',
        'the address has a bad escape sequence',
        'encode it as UTF-8 with % escapes',
        { cause: error },
      );
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new OtterError(
        'id_invalid',
        'a part of the address is longer than any name',
        'see /docs for what there is',
        {
          cause: error,
        },
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new OtterError('storage_full', 'the disk is full', 'free some space on the server', { cause: error });
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new OtterError(
        'storage_read_only',
        `the server cannot write to its disk (${code})`,
        'look for this request_id in the log of the server, which names the file',
        { retryAfterS: BROKEN_IO_RETRY_S, cause: error },
      );
    default:
      return unforeseen(error);
  }
}

/** A disk or database that fails is a reason to come again; everything else is a bug. */
function unforeseen(error: unknown): OtterError {
  const hint = 'look for this request_id in the log of the server';
  return error instanceof Error && 'syscall' in error
    ? new OtterError('unavailable', 'the server cannot reach its files or its database', hint, {
        retryAfterS: BROKEN_IO_RETRY_S,
        cause: error,
      })
    : new OtterError('internal', 'internal error', hint, { cause: error });
}

function sendError(request: FastifyRequest, reply: FastifyReply, error: OtterError): FastifyReply {
  const status = HTTP_STATUS[error.code];
  if (status >= 500)
    request.log.error({ err: error.cause ?? error, request_id: request.id, code: error.code }, error.message);
  request.outcome = { code: error.code };
  setBrowserHeaders(reply);
  const retryAfterS = error.retryAfterS ?? (COME_BACK.has(status) ? COME_BACK_S : undefined);
  if (retryAfterS !== undefined) void reply.header('retry-after', String(spread(retryAfterS)));
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  if (error.code === 'session_ended') void reply.header('set-cookie', forgetCookie(request));
  if (AMBIGUOUS.has(error.code)) void reply.header('connection', 'close');
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(errorAnswer(error, request.id));
}

/** Ten thousand boards that were refused in one second must not come back in one second. */
function spread(retryAfterS: number): number {
  const widthS = Math.min(Math.max(retryAfterS, MIN_RETRY_SPREAD_S), MAX_RETRY_SPREAD_S);
  return retryAfterS + Math.floor(Math.random() * widthS);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function notFound(method: string, path: string): OtterError {
  return new OtterError(
    path.startsWith('/firmware/') ? 'id_invalid' : 'not_found',
    `there is nothing at ${method} ${JSON.stringify(clip(path, 100))}`,
    'see /docs for what there is',
  );
}

function methodNotAllowed(method: string, path: string, methods: readonly string[]): OtterError {
  return new OtterError(
    'method_not_allowed',
    `${JSON.stringify(clip(path, 100))} does not take ${method}`,
    `use ${methods.join(' or ')}`,
  );
}

function isValidationError(
  error: unknown,
): error is FastifyError & { validation: NonNullable<FastifyError['validation']> } {
  return error instanceof Error && 'validation' in error && Array.isArray(error.validation);
}

function clip(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 3)}...`;
}
