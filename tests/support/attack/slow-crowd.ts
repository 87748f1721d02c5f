// Clients that take their time on purpose: headers, bodies and readers that hardly move. Who is cut comes again within
// seconds, so that there are nearly as many at every moment. For tests and for the benchmark.

import tls from 'node:tls';
import { assertNever } from '#protocol/errors.ts';

export const SLOWNESS = ['headers', 'body', 'reader'] as const;
export type Slowness = (typeof SLOWNESS)[number];

export interface SlowCrowd {
  readonly port: number;
  readonly fleetToken: string;
  /** What slow readers ask for and do not read. */
  readonly imagePath: string;
  /** So many of each of these kinds. */
  readonly each: number;
  readonly kinds: readonly Slowness[];
}

/** A byte for each that sends slowly, so often. */
const BYTE_MS = 2_000;

/** So many begin at once: a crowd that comes in one moment would only measure the queue of its own handshakes. */
const OPENING_MS = 10;

export class Slow {
  readonly #crowd: SlowCrowd;
  readonly #sockets = new Set<tls.TLSSocket>();
  #isOver = false;
  /** How often the server closed one, by what it did. */
  readonly cut: Record<Slowness, number> = { headers: 0, body: 0, reader: 0 };

  constructor(crowd: SlowCrowd) {
    this.#crowd = crowd;
  }

  /** Resolves when all are connected. */
  async begin(): Promise<void> {
    const opened: Promise<void>[] = [];
    for (let index = 0; index < this.#crowd.each; index += 1) {
      for (const slowness of this.#crowd.kinds) opened.push(this.#open(slowness));
      await new Promise((resolve) => setTimeout(resolve, OPENING_MS));
    }
    await Promise.all(opened);
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#sockets.size;
  }

  end(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(slowness: Slowness): Promise<void> {
    const socket = tls.connect({ host: '127.0.0.1', port: this.#crowd.port, rejectUnauthorized: false });
    this.#sockets.add(socket);
    return new Promise((resolve) => {
      let ticking: NodeJS.Timeout | undefined;
      socket.once('secureConnect', () => {
        socket.write(beginOf(slowness, this.#crowd));
        if (slowness === 'reader') socket.pause();
        else ticking = setInterval(() => socket.write('x'), BYTE_MS);
        resolve();
      });
      // An answer is read, and changes nothing.
      if (slowness !== 'reader') socket.resume();
      socket.on('error', () => undefined);
      socket.once('close', () => {
        clearInterval(ticking);
        this.#sockets.delete(socket);
        resolve();
        if (this.#isOver) return;
        this.cut[slowness] += 1;
        setTimeout(() => void (this.#isOver ? undefined : this.#open(slowness)), 2 * BYTE_MS * Math.random());
      });
    });
  }
}

function beginOf(slowness: Slowness, { fleetToken, imagePath }: SlowCrowd): string {
  const authorization = `Host: otter\r\nAuthorization: Bearer ${fleetToken}\r\n`;
  switch (slowness) {
    case 'headers':
      return `GET /healthz HTTP/1.1\r\nHost: otter\r\nX-Slow: `;
    case 'body':
      return `POST /api/v1/check-update HTTP/1.1\r\n${authorization}Content-Type: application/json\r\nContent-Length: 800\r\n\r\n`;
    case 'reader':
      return `GET ${imagePath} HTTP/1.1\r\n${authorization}\r\n`;
    default:
      return assertNever(slowness);
  }
}
