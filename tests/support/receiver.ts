// A receiver of webhooks on this machine: keeps what it was sent and answers as the test says.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Event } from '#protocol/admin/events.ts';

export interface Delivery {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly events: readonly Event[];
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface ReceiverOptions {
  readonly port?: number;
  readonly host?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export class Receiver {
  readonly deliveries: Delivery[] = [];
  /** Connections that were made, whatever came of them. */
  connections = 0;
  answer: Answer = with200;
  readonly #server: Server;

  constructor(options: ReceiverOptions) {
    const take = (request: IncomingMessage, response: ServerResponse): void => void this.#take(request, response);
    this.#server = options.tls === undefined ? http.createServer(take) : https.createServer(options.tls, take);
    this.#server.on('connection', () => (this.connections += 1));
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');
    return address.port;
  }

  /** Ids of all events that were delivered, in their order. */
  get ids(): readonly string[] {
    return this.deliveries.flatMap(({ events }) => events.map(({ id }) => id));
  }

  async listen({ port = 0, host = '127.0.0.1' }: ReceiverOptions): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks).toString();
    const { events }: { readonly events: readonly Event[] } = JSON.parse(body);
    this.deliveries.push({ path: request.url ?? '', headers: request.headers, body, events });
    this.answer(response, request);
  }
}

export const with200: Answer = (response) => void response.writeHead(204).end();

export const withStatus =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    void response.writeHead(status, headers).end('no');

/** Closed when the test ends. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = new Receiver(options);
  await receiver.listen(options);
  onTestFinished(async () => receiver.close());
  return receiver;
}
