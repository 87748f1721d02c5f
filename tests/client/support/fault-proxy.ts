// A TLS server between a board and a real Otter server that breaks what a test wants broken: the handshake, the answer to a
// check-in or a report, a download. Whatever is not broken is relayed to the real server as it is. It remembers check-ins
// and downloads, and has no rules of its own.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { expect, vi } from 'vitest';
import type { CheckUpdateRequest, Offer } from '#protocol/device/api.ts';
import { type Pin, requestPinned } from '#protocol/pinned-https.ts';
import type { ServerClient } from '../../support/server/client.ts';
import type { OnTestFinished } from './bench.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly pin: Pin;
}

/** What a board finds when it connects. */
export type Door =
  | { readonly kind: 'open'; readonly certificate: Certificate }
  /** TLS 1.0 and 1.1 only. */
  | { readonly kind: 'old'; readonly certificate: Certificate }
  /** HTTP without TLS. */
  | { readonly kind: 'plain' }
  /** Takes the connection and says nothing. */
  | { readonly kind: 'silent' };

export type Kind = 'check' | 'report' | 'image' | 'enrol';

export interface Request {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Answers one request instead of the relay. */
export type Fault = (exchange: Exchange) => Promise<void>;

/** One connection of a board, and how many bytes of requests came through it. */
export interface Visit {
  readonly door: Door['kind'];
  requestBytes: number;
}

const HOP_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'content-length']);

/** One request of a board, to be answered. */
export class Exchange {
  readonly kind: Kind;
  /** Of this kind, from 0. */
  readonly index: number;
  readonly request: Request;
  /** Bytes of the answer that were sent. */
  sentBytes = 0;
  readonly #socket: tls.TLSSocket;
  readonly #raw: net.Socket;
  /** The proxy that it came to, for faults that change more than one answer. */
  readonly proxy: FaultProxy;
  readonly #server: ServerClient;

  constructor(
    what: { readonly kind: Kind; readonly index: number; readonly request: Request; readonly proxy: FaultProxy },
    socket: tls.TLSSocket,
    raw: net.Socket,
    server: ServerClient,
  ) {
    this.proxy = what.proxy;
    this.kind = what.kind;
    this.index = what.index;
    this.request = what.request;
    this.#socket = socket;
    this.#raw = raw;
    this.#server = server;
  }

  /** Whether the board still listens. */
  get isOpen(): boolean {
    return this.#socket.writable && !this.#socket.destroyed;
  }

  /** What the real server answers to this request. */
  async ask(headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { method, path, body } = this.request;
    const kept = Object.entries(this.request.headers).filter(([name]) => !HOP_HEADERS.has(name));
    const answer = await requestPinned({
      method,
      url: new URL(path, this.#server.url),
      agent: this.#server.agent,
      headers: { ...Object.fromEntries(kept), 'content-length': String(body.length), ...headers },
      body,
    });
    const found = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as const);
    return { ...answer, headers: Object.fromEntries(found.filter(([name]) => !HOP_HEADERS.has(name))) };
  }

  async relay(): Promise<void> {
    await this.send(await this.ask());
  }

  /** The offer of the real server; fails where it offers nothing. */
  async askForOffer(): Promise<Offer> {
    const { status, body } = await this.ask();
    const answer = JSON.parse(body.toString()) as Offer | { readonly update_available: false };
    if (status !== 200 || !answer.update_available) throw new Error(`no offer but ${status} ${body.toString()}`);
    return answer;
  }

  /** An answer with its right length. */
  async send(answer: Partial<Answer>): Promise<void> {
    const { status = 200, headers = {}, body = Buffer.alloc(0) } = answer;
    await this.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
    await this.write(body);
  }

  async sendJson(body: unknown): Promise<void> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    await this.send({ headers: { 'content-type': 'application/json' }, body: Buffer.from(text) });
  }

  /** Bytes as they are; false where the board has gone. */
  async write(bytes: string | Buffer): Promise<boolean> {
    if (!this.isOpen) return false;
    const all = Buffer.from(bytes);
    const taken = await new Promise<boolean>((resolve) => {
      this.#socket.write(all, (error) => resolve(error === undefined || error === null));
    });
    if (taken) this.sentBytes += all.length;
    return taken;
  }

  /** Writes pieces with a rest between them until there are no more or the board has gone. */
  async dribble(pieces: Iterable<string | Buffer>, restMs: number): Promise<void> {
    for (const piece of pieces) {
      if (!(await this.write(piece))) return;
      await this.rest(restMs);
    }
  }

  /** Waits so long, or until the board has gone. */
  async rest(ms: number): Promise<void> {
    if (!this.isOpen) return;
    await once(this.#socket, 'close', { signal: AbortSignal.timeout(ms) }).catch(() => undefined);
  }

  /** Says nothing until the board has gone. */
  async stall(): Promise<void> {
    await this.rest(60_000);
  }

  /** Ends the connection as a server does that has said everything. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection as a router does that lost its table. */
  reset(): void {
    this.#raw.resetAndDestroy();
  }
}

export class FaultProxy {
  readonly url: URL;
  readonly pin: Pin;
  readonly visits: Visit[] = [];
  readonly checkIns: CheckUpdateRequest[] = [];
  /** Range of every download, in order; undefined where the whole image was asked for. */
  readonly downloads: (string | undefined)[] = [];
  /** How requests are answered: absent ones are relayed. */
  faults: { [kind in Kind]?: Fault } = {};
  door: Door;
  /** Faults that failed themselves, and check-ins that are no JSON. */
  readonly mistakes: unknown[] = [];
  readonly #server: ServerClient;
  readonly #listener: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #counts = { check: 0, report: 0, image: 0, enrol: 0 };

  private constructor(listener: net.Server, server: ServerClient, certificate: Certificate) {
    this.#listener = listener;
    this.#server = server;
    this.door = { kind: 'open', certificate };
    this.pin = certificate.pin;
    this.url = new URL(`https://127.0.0.1:${(listener.address() as net.AddressInfo).port}`);
    listener.on('connection', (raw) => this.#welcome(raw));
  }

  /** Closed when the test ends; a mistake of a fault then fails the test. */
  static async start(
    server: ServerClient,
    certificate: Certificate,
    onTestFinished: OnTestFinished,
  ): Promise<FaultProxy> {
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const proxy = new FaultProxy(listener, server, certificate);
    onTestFinished(async () => proxy.#close());
    return proxy;
  }

  /** Waits until so many check-ins have come. */
  async seen(checkIns: number): Promise<void> {
    await vi.waitFor(() => expect(this.checkIns.length).toBeGreaterThanOrEqual(checkIns), { timeout: 30_000 });
  }

  /** Relays everything again. */
  heal(): void {
    this.faults = {};
  }

  async #close(): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.mistakes.length > 0) throw new AggregateError(this.mistakes, 'a fault of the test failed');
  }

  #welcome(raw: net.Socket): void {
    const { door } = this;
    const visit: Visit = { door: door.kind, requestBytes: 0 };
    this.visits.push(visit);
    this.#sockets.add(raw);
    raw.on('close', () => this.#sockets.delete(raw));
    raw.on('error', () => undefined);
    if (door.kind === 'silent') raw.resume();
    else if (door.kind === 'plain') raw.once('data', () => raw.end(headOf(400, { 'content-length': '0' })));
    else void this.#serve(openTls(raw, door), raw, visit);
  }

  async #serve(socket: tls.TLSSocket, raw: net.Socket, visit: Visit): Promise<void> {
    socket.on('error', () => raw.destroy());
    let received = Buffer.alloc(0);
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        visit.requestBytes += chunk.length;
        received = Buffer.concat([received, chunk]);
        for (let taken = takeRequest(received); taken !== undefined; taken = takeRequest(received)) {
          received = received.subarray(taken.bytes);
          await this.#answer(taken.request, socket, raw);
        }
      }
    } catch (error) {
      // Else the board has gone; what it wanted is remembered.
      if (error instanceof SyntaxError) this.mistakes.push(error);
    }
  }

  async #answer(request: Request, socket: tls.TLSSocket, raw: net.Socket): Promise<void> {
    const kind = kindOf(request);
    const exchange = new Exchange(
      { kind, index: this.#counts[kind]++, request, proxy: this },
      socket,
      raw,
      this.#server,
    );
    this.#remember(exchange);
    const fault = this.faults[kind];
    if (fault === undefined) {
      // A server that is away is no mistake: its proxy breaks the connection.
      await exchange.relay().catch(() => raw.destroy());
      return;
    }
    await fault(exchange).catch((error: unknown) => {
      this.mistakes.push(error);
      raw.destroy();
    });
  }

  #remember({ kind, request }: Exchange): void {
    if (kind === 'image') this.downloads.push(request.headers['range']);
    if (kind === 'check') this.checkIns.push(JSON.parse(request.body.toString()) as CheckUpdateRequest);
  }
}

/** The head of an answer with its empty line. */
export function headOf(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`;
}

function openTls(raw: net.Socket, door: Door & { readonly certificate: Certificate }): tls.TLSSocket {
  const { cert, key } = door.certificate;
  // OpenSSL 3 takes TLS 1.1 only at its lowest security level.
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const secureContext = tls.createSecureContext({ cert, key, ...(door.kind === 'old' ? old : {}) });
  return new tls.TLSSocket(raw, { isServer: true, secureContext });
}

function kindOf({ path }: Request): Kind {
  if (path === '/api/v1/check-update') return 'check';
  if (path === '/api/v1/enrol') return 'enrol';
  return path === '/api/v1/report-status' ? 'report' : 'image';
}

function takeRequest(received: Buffer): { readonly request: Request; readonly bytes: number } | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const bytes = end + 4 + Number(headers['content-length'] ?? 0);
  if (received.length < bytes) return undefined;
  const [method = '', path = ''] = first.split(' ');
  return { request: { method, path, headers, body: received.subarray(end + 4, bytes) }, bytes };
}
