// The loading side: raw HTTP over TLS 1.3, so that the client costs little beside the server it measures.

import tls from 'node:tls';

export interface Endpoint {
  readonly port: number;
  readonly token: string;
}

/** A request as text, made anew for each call. */
export type RequestText = (index: number) => string;

export function checkUpdateText(endpoint: Endpoint, mac: string, version: string, keepAlive: boolean): string {
  const body = JSON.stringify({
    mac,
    current_version: version,
    labels: [],
    chip: 'esp32',
    slot_bytes: 1_966_080,
    free_heap_bytes: 180_000,
    rssi_dbm: -61,
    boot: { state: 'confirmed', reason: 'poweron' },
  });
  return `POST /api/v1/check-update HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${endpoint.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n${body}`;
}

/** Sends `count` requests, `parallel` at a time, each over a new connection with a full handshake. */
export async function runNewConnections(
  endpoint: Endpoint,
  count: number,
  parallel: number,
  text: RequestText,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await once(endpoint, text(next++));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** The same over `parallel` connections that stay open. */
export async function runKeepAlive(
  endpoint: Endpoint,
  count: number,
  parallel: number,
  text: RequestText,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    const connection = new Connection(endpoint);
    let used = 0;
    let current = connection;
    while (next < count) {
      // The server ends a connection after 1000 requests.
      if (used === 900) {
        current.end();
        current = new Connection(endpoint);
        used = 0;
      }
      used += 1;
      await current.ask(text(next++));
    }
    current.end();
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** Downloads an image, at most so many bytes each second; resolves with the bytes of the body. */
export async function download(
  endpoint: Endpoint,
  path: string,
  bytesPerS: number,
  onFirstByte?: () => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: endpoint.port,
      rejectUnauthorized: false,
    });
    let received = 0;
    const startedMs = performance.now();
    socket.once('error', reject);
    socket.once('end', () => resolve(received));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${endpoint.token}\r\nConnection: close\r\n\r\n`,
    );
    socket.on('data', (chunk: Buffer) => {
      if (received === 0) onFirstByte?.();
      received += chunk.length;
      const aheadMs = (received / bytesPerS) * 1000 - (performance.now() - startedMs);
      if (aheadMs > 5) {
        socket.pause();
        setTimeout(() => socket.resume(), aheadMs);
      }
    });
  });
}

async function once(endpoint: Endpoint, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: endpoint.port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
    let answer = '';
    socket.setEncoding('latin1');
    socket.once('error', reject);
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.once('end', () =>
      answer.startsWith('HTTP/1.1 200') ? resolve() : reject(new Error(`unexpected answer: ${answer.slice(0, 200)}`)),
    );
    socket.write(text);
  });
}

class Connection {
  readonly #socket: tls.TLSSocket;
  #resolve: (() => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(endpoint: Endpoint) {
    this.#socket = tls.connect({
      host: '127.0.0.1',
      port: endpoint.port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
    this.#socket.setEncoding('latin1');
    this.#socket.on('error', (error) => this.#reject?.(error));
    // Every answer fits one TLS record and arrives whole.
    this.#socket.on('data', (chunk: string) =>
      chunk.startsWith('HTTP/1.1 200')
        ? this.#resolve?.()
        : this.#reject?.(new Error(`unexpected answer: ${chunk.slice(0, 200)}`)),
    );
  }

  async ask(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(text);
    });
  }

  end(): void {
    this.#socket.end();
  }
}
