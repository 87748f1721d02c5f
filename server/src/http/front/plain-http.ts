// HTTP without TLS, for a proxy on this machine that ends TLS itself: on an address of the machine or a socket of the file system, from
// listed proxies alone. The same routes, limits and refusals as with TLS.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { MAX_HEADER_LINES } from '#protocol/limits.ts';
import { answerBrokenRequest } from '#server/http/request/broken-request.ts';
import type { Proxies } from './connections.ts';
import { CONNECTION_LIMITS, HTTP_LIMITS, LONG_KEEP_ALIVE_MS } from './listening-limits.ts';
import { closeQuietConnections } from './quiet-connections.ts';
import { setAddress } from './proxied-socket.ts';

export type PlainAddress =
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };

export interface PlainHttp {
  /** No new connections. */
  readonly stop: () => void;
  readonly closeIdle: () => void;
  readonly closeAll: () => void;
  readonly closed: Promise<unknown>;
}

/** The user and the group of the server: a proxy of another user is in that group. */
const SOCKET_MODE = 0o660;

/** What a connection over a socket of the file system counts as. */
const OF_SOCKET = '127.0.0.1';

/** To be called when `app` is ready. */
export async function listenPlain(
  app: FastifyInstance,
  address: PlainAddress,
  { proxies, maxConnections }: { readonly proxies: Proxies; readonly maxConnections: number },
): Promise<PlainHttp> {
  const server = createServer({ ...HTTP_LIMITS, keepAliveTimeout: LONG_KEEP_ALIVE_MS });
  server.timeout = CONNECTION_LIMITS.connectionTimeout;
  server.maxConnections = maxConnections;
  server.maxHeadersCount = MAX_HEADER_LINES + 1;
  closeQuietConnections(server);
  const route = (request: IncomingMessage, response: ServerResponse): void => app.routing(request, response);
  server.on('request', route).on('checkContinue', route).on('checkExpectation', route);
  server.on('clientError', (error, socket) => {
    if (isSocket(socket)) answerBrokenRequest(app.log, error, socket);
  });
  server.prependListener('connection', (socket: Socket) => {
    if (address.kind === 'socket') setAddress(socket, OF_SOCKET);
    else if (!proxies.has(socket.remoteAddress ?? '')) socket.destroy();
  });
  await listen(server, address);
  return {
    stop: () => void server.close(),
    closeIdle: () => server.closeIdleConnections(),
    closeAll: () => server.closeAllConnections(),
    closed: once(server, 'close'),
  };
}

async function listen(server: Server, address: PlainAddress): Promise<void> {
  if (address.kind === 'port') {
    server.listen(address.port, address.host);
    await once(server, 'listening');
    return;
  }
  await removeLeftOver(address.path);
  server.listen(address.path);
  await once(server, 'listening');
  chmodSync(address.path, SOCKET_MODE);
}

/** A server that was killed leaves its socket, and nobody can listen there; one that is used answers. */
async function removeLeftOver(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch {
    unlinkSync(path);
  } finally {
    probe.destroy();
  }
}

function isSocket(stream: unknown): stream is Socket {
  return typeof stream === 'object' && stream !== null && 'remoteAddress' in stream;
}
