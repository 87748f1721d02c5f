// Connections that never became one: what the TLS handshake ended with is all that is known of a board whose pin or address is wrong.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { belowOf } from './proxied-socket.ts';
import type { BoardProblems, FailedEntry } from '#server/service/fleet/board-problems.ts';

export function addFailedHandshakes(app: FastifyInstance, problems: BoardProblems, clock: () => number): void {
  // Once its connection is closed, a socket still knows an address that was asked for before.
  app.server.on('connection', (socket: Socket) => void socket.remoteAddress);
  const spoke = new WeakSet<Socket>();
  app.server.on('request', ({ socket }: IncomingMessage) => void spoke.add(socket));
  app.server.on('secureConnection', (socket: TLSSocket) => {
    const address = addressOf(socket);
    socket.once('close', () => {
      if (address !== undefined && !spoke.has(socket)) problems.note({ ...MUTE, address, mac: undefined }, clock());
    });
  });
  app.server.on('tlsClientError', (error: Error & { readonly code?: string }, socket: TLSSocket) => {
    if (error.code === SPOKE_HTTP) belowOf(socket)?.write(HTTP_ANSWER);
    const address = addressOf(socket);
    const what = whatOf(error.code ?? '');
    if (address !== undefined && what !== undefined) problems.note({ ...what, address, mac: undefined }, clock());
  });
}

const SPOKE_HTTP = 'ERR_SSL_HTTP_REQUEST';

/** What a browser shows of an address without its `s`. Where it wanted to go was swallowed with the handshake, so this is no redirect. */
const HTTP_SENTENCE = 'Otter speaks only HTTPS here: write https:// instead of http:// before the address.\n';
const HTTP_ANSWER = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${HTTP_SENTENCE.length}`,
  'Connection: close',
  '',
  HTTP_SENTENCE,
].join('\r\n');

/** A client that compares the pin after the handshake; a browser that opens connections beforehand does the same. */
const MUTE = {
  kind: 'handshake',
  text: 'it closed the connection after the TLS handshake, without a request',
  mayBeBrowser: true,
} as const;

/** By the names of OpenSSL for the alert that the other side sent, or for what it began with. */
function whatOf(code: string): Pick<FailedEntry, 'kind' | 'text' | 'mayBeBrowser'> | undefined {
  if (code === 'ECONNRESET') return { kind: 'handshake', text: 'it closed the connection within the TLS handshake' };
  if (code === SPOKE_HTTP) return { kind: 'no_tls', text: 'it spoke HTTP without TLS' };
  // Firefox and Chrome say so of a certificate that nobody confirmed yet.
  if (code.endsWith('ALERT_CERTIFICATE_UNKNOWN'))
    return { kind: 'certificate', text: 'it refused the certificate: unknown certificate', mayBeBrowser: true };
  // `access denied` is what mbedTLS sends where the pin of OtterOTA does not fit.
  const alert = /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|CERTIFICATE_\w+)$/.exec(
    code,
  )?.[1];
  if (alert !== undefined)
    return { kind: 'certificate', text: `it refused the certificate: ${alert.toLowerCase().replaceAll('_', ' ')}` };
  const failure = /^ERR_SSL_(?:(?:TLSV1|SSLV3)_)?(\w+)$/.exec(code)?.[1];
  return failure === undefined ? undefined : { kind: 'tls', text: failure.toLowerCase().replaceAll('_', ' ') };
}

/** A TLS socket that is closed already does not know its own address; the one below it does, and for whom a proxy opened it. */
function addressOf(socket: TLSSocket): string | undefined {
  return (belowOf(socket)?.remoteAddress ?? socket.remoteAddress)?.replace(/^::ffff:/, '');
}
