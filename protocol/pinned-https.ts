// HTTPS to a server that is known by its pin: the rule that the Arduino client, the command line and the simulator share.
// The pin is compared after the handshake and before the first request byte, on every connection; dates and names of the
// certificate do not matter (RFC 7858 section 4.2 describes the same idea for DNS). Redirects are never followed.

import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';

/** `cert`: SHA-256 of the whole certificate (DER). `spki`: SHA-256 of its public key (DER SubjectPublicKeyInfo), survives a renewal with the same key. */
export interface Pin {
  readonly kind: 'cert' | 'spki';
  readonly sha256: string;
}

/** The server showed another certificate than the pinned one; nothing was sent. */
export class PinMismatchError extends Error {
  readonly expected: Pin;
  readonly found: { readonly cert: string; readonly spki: string };

  constructor(expected: Pin, found: { readonly cert: string; readonly spki: string }) {
    super(
      `the server's ${expected.kind} pin is ${expected.kind}:${found[expected.kind]}, expected ${formatPin(expected)}`,
    );
    this.name = 'PinMismatchError';
    this.expected = expected;
    this.found = found;
  }
}

/**
 * Reads `spki:<64 hex>`, `cert:<64 hex>`, `sha256/<base64>` (an SPKI pin as curl writes it) or the colon-separated
 * fingerprint that openssl prints (a certificate pin). Undefined for anything else.
 */
export function parsePin(text: string): Pin | undefined {
  const trimmed = text.trim();
  const base64 = /^sha256\/+([A-Za-z0-9+/]{43}=)$/.exec(trimmed)?.[1];
  if (base64 !== undefined) return { kind: 'spki', sha256: Buffer.from(base64, 'base64').toString('hex') };
  const match = /^(?:(spki|cert):)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})$/i.exec(trimmed);
  const hex = match?.[2]?.replaceAll(':', '').toLowerCase();
  if (hex === undefined) return undefined;
  return { kind: match?.[1]?.toLowerCase() === 'spki' ? 'spki' : 'cert', sha256: hex };
}

export function formatPin(pin: Pin): string {
  return `${pin.kind}:${pin.sha256}`;
}

/**
 * An agent for `node:https` whose every connection is checked against the pin before it is handed out.
 * With `keepAlive` false each request has a connection of its own, as a board that sleeps between polls has.
 */
export class PinnedAgent extends https.Agent {
  readonly #first: Pin;
  readonly #others: readonly Pin[];

  /** A connection is good when one of the pins fits. */
  constructor(pins: Pin | readonly [Pin, ...(readonly Pin[])], options: https.AgentOptions = {}) {
    super({ keepAlive: true, ...options });
    [this.#first, ...this.#others] = 'kind' in pins ? [pins] : pins;
  }

  /** One that takes these pins, too. */
  trusting(more: readonly Pin[]): PinnedAgent {
    return new PinnedAgent([this.#first, ...this.#others, ...more], { keepAlive: this.options.keepAlive ?? false });
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = tls.connect({
      host: options.hostname ?? options.host ?? 'localhost',
      port: Number(options.port ?? 443),
      ...(isHostName(options.hostname ?? options.host) ? { servername: options.hostname ?? options.host ?? '' } : {}),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    });
    let handedOut = false;
    const fail = (error: Error): void => {
      if (handedOut) return;
      handedOut = true;
      callback?.(error, socket);
    };
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the server closed the connection during the TLS handshake')));
    socket.once('secureConnect', () => {
      const found = pinsOf(socket);
      if (found === undefined || ![this.#first, ...this.#others].some(({ kind, sha256 }) => found[kind] === sha256)) {
        fail(new PinMismatchError(this.#first, found ?? { cert: 'none', spki: 'none' }));
        socket.destroy();
        return;
      }
      handedOut = true;
      socket.removeListener('error', fail);
      callback?.(null, socket);
    });
    return undefined;
  }
}

/** What a server shows when asked, without trusting it: for the first contact of an operator. */
export async function readServerPins(
  address: { readonly host: string; readonly port: number },
  timeoutMs = 10_000,
): Promise<{ readonly cert: string; readonly spki: string }> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...address,
      ...(isHostName(address.host) ? { servername: address.host } : {}),
      rejectUnauthorized: false,
    });
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`no TLS answer from ${address.host}:${address.port} within ${timeoutMs / 1000} s`)),
    );
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const found = pinsOf(socket);
      socket.destroy();
      if (found === undefined) reject(new Error('the server showed no certificate'));
      else resolve(found);
    });
  });
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpsRequest {
  readonly method: string;
  readonly url: URL;
  readonly agent: PinnedAgent;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | AsyncIterable<Uint8Array>;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** Sends one request and reads the whole answer (at most `maxBytes`, default 16 MiB). Rejects with the connection's error. */
export async function requestPinned(request: HttpsRequest): Promise<HttpsAnswer> {
  const response = await openPinned(request);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response) {
    sizeBytes += chunk.length;
    if (sizeBytes > (request.maxBytes ?? 16_777_216)) {
      response.destroy();
      throw new Error(`the answer is longer than ${request.maxBytes ?? 16_777_216} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** Sends one request and resolves with the answer's head; the caller reads or destroys the body. */
export async function openPinned(request: HttpsRequest): Promise<http.IncomingMessage> {
  const { url } = request;
  // A program that was busy has not seen yet that the server closed a connection meanwhile, and would ask on it.
  await setImmediate();
  return new Promise((resolve, reject) => {
    const outgoing = https.request({
      method: request.method,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 443 : url.port,
      path: url.pathname + url.search,
      headers: {
        ...(typeof request.body === 'string' ? { 'content-length': String(Buffer.byteLength(request.body)) } : {}),
        ...request.headers,
      },
      agent: request.agent,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    outgoing.setTimeout(request.timeoutMs ?? 30_000, () =>
      outgoing.destroy(new Error(`no answer from ${url.host} for ${(request.timeoutMs ?? 30_000) / 1000} s`)),
    );
    outgoing.once('error', reject);
    outgoing.once('response', resolve);
    sendBody(outgoing, request.body).catch((error: unknown) =>
      outgoing.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  });
}

async function sendBody(outgoing: http.ClientRequest, body: HttpsRequest['body']): Promise<void> {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) outgoing.end(body);
  else await pipeline(body, outgoing);
}

function pinsOf(socket: tls.TLSSocket): { readonly cert: string; readonly spki: string } | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const digest = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
  return { cert: digest(certificate.raw), spki: digest(certificate.publicKey.export({ type: 'spki', format: 'der' })) };
}

/** Server Name Indication is for names; RFC 6066 section 3 forbids addresses. */
function isHostName(host: string | null | undefined): boolean {
  return host !== undefined && host !== null && !/^[0-9.]+$/.test(host) && !host.includes(':');
}
