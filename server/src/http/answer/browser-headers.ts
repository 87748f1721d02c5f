// What a browser is told with every answer that it may come to see: nothing is guessed, run, framed or told to others. The pages have wider
// policies of their own; answers to boards have none of it but their errors, for they pay for every byte. And its connection is kept for longer.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LONG_KEEP_ALIVE_MS } from '#server/http/front/listening-limits.ts';

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** 180 days. Of this host alone: other names of its domain are somebody else's. */
const HSTS = 'max-age=15552000';

/**
 * `isSignedByOthers`: the certificate is one of an authority. Who confirmed a self-signed one in a browser must be able to confirm the next one, which
 * Strict-Transport-Security (RFC 6797, 8.4) forbids; and without TLS it must not be sent.
 */
export function addBrowserHeaders(
  app: FastifyInstance,
  { isSignedByOthers }: { readonly isSignedByOthers: boolean },
): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.scope !== 'device') {
      setBrowserHeaders(reply);
      keepForBrowser(request, reply);
      if (isSignedByOthers && isEncrypted(request)) void reply.header('strict-transport-security', HSTS);
    }
    done();
  });
}

/** For an error, whatever was asked for. */
export function setBrowserHeaders(reply: FastifyReply): void {
  void reply.headers(HEADERS);
}

/** Node sets the time of the server when an answer is out, so ours comes after that. */
function keepForBrowser({ headers, raw: { socket } }: FastifyRequest, reply: FastifyReply): void {
  // Every browser says it, and nothing else does.
  if (headers['sec-fetch-mode'] !== undefined)
    reply.raw.once('finish', () => void socket.setTimeout(LONG_KEEP_ALIVE_MS));
}

function isEncrypted({ raw: { socket } }: FastifyRequest): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}
