// What is not a request at all: too many header bytes, a length and chunks at once, a header that never ends. Node's parser
// refuses it before there is a request to answer, so the answer is written to the socket by hand.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { HTTP_STATUS, OtterError } from '#protocol/errors.ts';
import { MAX_HEADER_BYTES, MAX_HEADER_LINES } from '#protocol/limits.ts';
import { errorAnswer } from '#server/http/answer/error-answer.ts';
import { isAnswering } from '#server/http/answer/open-answers.ts';
import { LINGER_MS, nextRequestId } from '#server/http/request-log.ts';

/** Connections that got their answer and are about to be closed. */
const refused = new WeakSet<Socket>();

export function answerBrokenRequest(
  log: FastifyBaseLogger,
  error: Error & { readonly code?: string },
  socket: Socket,
): void {
  // What still comes behind a refused request is no request of its own.
  if (refused.has(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  refused.add(socket);
  const refusal = refusalOf(error.code);
  const status = HTTP_STATUS[refusal.code];
  const requestId = nextRequestId();
  // Not the error itself: it holds the bytes that came, a token among them.
  log.info({ request_id: requestId, status, ip: socket.remoteAddress, code: refusal.code }, 'request');
  const body = JSON.stringify(errorAnswer(refusal, requestId));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // A connection that is closed while bytes still arrive is reset, and the answer lost with it.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function refusalOf(code: string | undefined): OtterError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new OtterError(
      'headers_too_large',
      `request line and headers have more than ${MAX_HEADER_BYTES} bytes, or more than ${MAX_HEADER_LINES} lines`,
      'send fewer and shorter headers',
    );
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new OtterError('request_timeout', 'the headers did not arrive in time', 'send the whole request at once');
  return new OtterError(
    'request_malformed',
    'this is not a valid HTTP/1.1 request',
    'send either Content-Length or Transfer-Encoding, and lines that end in CRLF',
  );
}
