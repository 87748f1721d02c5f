// What a request must be before anybody looks at what it wants: a path on this server, headers that can be read in one way
// only (RFC 9112 sections 3.2 and 6.3), and no demand to send a body that nobody has asked for yet.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtterError } from '#protocol/errors.ts';
import { MAX_HEADER_LINES } from '#protocol/limits.ts';

/** Node takes the first of these or joins them, and a proxy in front may take the other. */
const ONCE: ReadonlySet<string> = new Set(['authorization', 'content-type', 'host', 'transfer-encoding']);

/** RFC 9110, 7.2: a name or an address, with a port or without; a client that knows none sends it empty. */
const HOST = /^(?:[A-Za-z0-9._~-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?$/;

/** To be called before authentication is added, which reads headers. */
export function addRequestForm(app: FastifyInstance): void {
  // Hooks of every request are plain callbacks: a promise each would cost more than what they do.
  app.addHook('onRequest', (request, _reply, done) => {
    refuseProxying(request);
    refuseHeaders(request);
    done();
  });
  // Without this Node would ask for 16 MiB before the token is looked at, and answer 417 in words of its own.
  app.server.on('checkContinue', (request, response) => app.routing(request, response));
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue();
    done();
  });
}

/** `GET https://host/path`: the router would look at the path alone and answer in the name of any host. */
function refuseProxying({ url }: FastifyRequest): void {
  if (url.startsWith('/')) return;
  throw new OtterError('not_found', 'this server is no proxy', 'send the path alone: GET /path');
}

function refuseHeaders({ raw }: FastifyRequest): void {
  const { rawHeaders } = raw;
  if (rawHeaders.length > 2 * MAX_HEADER_LINES)
    throw new OtterError(
      'headers_too_large',
      `the request has more than ${MAX_HEADER_LINES} header lines`,
      'send fewer',
    );
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!ONCE.has(name)) continue;
    if (seen.has(name)) throw new OtterError('duplicate_header', `the request has two ${name} headers`, 'send one');
    seen.add(name);
  }
  const { host } = raw.headers;
  if (host !== undefined && !HOST.test(host))
    throw new OtterError(
      'request_malformed',
      'the Host header is no host',
      'send the name or address that you connect to',
    );
  if (!seen.has('host') && raw.httpVersion === '1.1')
    throw new OtterError('request_malformed', 'the request has no Host header', 'send one, as HTTP/1.1 wants');
}
