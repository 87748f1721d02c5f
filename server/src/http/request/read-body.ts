// Bodies: JSON whole and within its limits of size and time, images as a stream that must keep moving.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtterError } from '#protocol/errors.ts';
import { BODY_TIMEOUT_MS, MIN_TRANSFER_BYTES_PER_S, TRANSFER_GRACE_MS } from '#protocol/limits.ts';
import { parseStrictJson, refuseDepth } from './strict-json.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Largest JSON body in bytes; 0 for a route that takes a raw body. */
    maxBodyBytes?: number;
    /** Without one, a missing body is an empty object. */
    requiresBody?: boolean;
  }
}

/** Replaces Fastify's own parsers, which buffer without a deadline and keep the last of two equal members. */
export function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', async (request: FastifyRequest, body: IncomingMessage) => {
    const maxBytes = request.routeOptions.config.maxBodyBytes ?? 0;
    refuseContentType(request, maxBytes > 0);
    const bytes = await readWhole(body, maxBytes);
    return bytes.length === 0 ? undefined : parseStrictJson(bytes);
  });
  app.addContentTypeParser('application/octet-stream', async (request: FastifyRequest, body: IncomingMessage) => {
    refuseContentType(request, request.routeOptions.config.maxBodyBytes === 0);
    return body;
  });
  app.addHook('preValidation', (request, _reply, done) => {
    const { requiresBody, maxBodyBytes } = request.routeOptions.config;
    const hasBody = request.body !== undefined && request.body !== null;
    if (!hasBody && requiresBody === true)
      throw new OtterError(
        'body_missing',
        'the request has no body',
        maxBodyBytes === 0 ? 'send the image as the body' : 'send a JSON object',
      );
    if (!hasBody && maxBodyBytes !== undefined && request.method !== 'GET') request.body = {};
    done();
  });
}

/** An upload as it comes. Throws `request_timeout` where it stands still, `body_incomplete` where the client goes away. */
export async function* readUpload(body: IncomingMessage): AsyncGenerator<Uint8Array> {
  const startedMs = performance.now();
  let sizeBytes = 0;
  const iterator: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  for (;;) {
    const allowedMs = startedMs + BODY_TIMEOUT_MS + (sizeBytes / MIN_TRANSFER_BYTES_PER_S) * 1000 - performance.now();
    const step = await withDeadline(iterator.next(), Math.min(Math.max(allowedMs, 1), TRANSFER_GRACE_MS)).catch(
      asBodyError,
    );
    if (step.done === true) break;
    sizeBytes += step.value.length;
    yield step.value;
  }
  if (!body.complete) throw incomplete();
}

function refuseContentType(request: FastifyRequest, fits: boolean): void {
  const type = request.headers['content-type'] ?? '';
  if (!fits) throw new OtterError('content_type', `this address does not take ${type}`, 'see /docs for what it takes');
  const charset = /charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new OtterError('content_type', `charset ${charset} is not taken`, 'send JSON as UTF-8');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new OtterError('content_type', `content encoding ${encoding} is not taken`, 'send the body as it is');
}

async function readWhole(body: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const timer = setTimeout(() => stop(timedOut()), BODY_TIMEOUT_MS);
    const stop = (error: Error): void => {
      clearTimeout(timer);
      body.off('data', onData);
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) stop(tooLarge(Buffer.concat(chunks).subarray(0, maxBytes), maxBytes));
    };
    body.on('data', onData);
    body.once('error', () => stop(incomplete()));
    body.once('end', () => {
      clearTimeout(timer);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
  });
}

/** What was read of it may say more than that it is too large. */
function tooLarge(beginning: Buffer, maxBytes: number): Error {
  try {
    refuseDepth(beginning.toString('latin1'));
  } catch (error) {
    if (error instanceof OtterError) return error;
  }
  return new OtterError('body_too_large', `the body has more than ${maxBytes} bytes`, `send at most ${maxBytes} bytes`);
}

async function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut()), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function asBodyError(error: unknown): never {
  throw error instanceof OtterError ? error : incomplete();
}

function timedOut(): OtterError {
  return new OtterError(
    'request_timeout',
    'the body did not arrive in time',
    'send the whole body; check Content-Length',
  );
}

function incomplete(): OtterError {
  return new OtterError('body_incomplete', 'the connection ended before the whole body had arrived', 'send it again');
}
