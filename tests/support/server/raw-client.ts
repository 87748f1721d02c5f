// Speaks to a server byte by byte over a real TLS socket, for what no HTTP client would send, and for answers that no HTTP
// client would show: cut bodies, closed connections.

import { once } from 'node:events';
import tls from 'node:tls';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type Ending = 'ended' | 'reset' | 'open';

export class RawClient {
  readonly socket: tls.TLSSocket;
  #pieces: Buffer[] = [];
  #ending: Ending = 'open';

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#pieces.push(bytes);
      socket.emit('progress');
    });
    socket.on('end', () => this.#finish('ended'));
    socket.on('error', () => this.#finish('reset'));
    socket.on('close', () => this.#finish('reset'));
  }

  /** What has come and was not taken yet. Put together when somebody looks: answers of many megabytes come in small pieces. */
  get #received(): Buffer {
    const [first = Buffer.alloc(0), ...more] = this.#pieces;
    const whole = more.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }

  set #received(bytes: Buffer) {
    this.#pieces = [bytes];
  }

  static async open(url: URL, options: tls.ConnectionOptions = {}): Promise<RawClient> {
    const socket = tls.connect({ host: url.hostname, port: Number(url.port), rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** The next whole answer. Rejects when the connection closes before it, or nothing comes for `waitMs`. */
  async answer({ bodyless = false, waitMs = 20_000 } = {}): Promise<RawAnswer> {
    const answer = await this.#until(() => this.#take(bodyless), waitMs);
    if (answer !== undefined) return answer;
    throw new Error(`no whole answer, the connection is ${this.#ending}: ${this.#received.toString('latin1', 0, 300)}`);
  }

  /** The head of the next answer, with what has come of its body so far. */
  async head(waitMs = 20_000): Promise<Omit<RawAnswer, 'body'>> {
    const parsed = await this.#until(() => parseHead(this.#received), waitMs);
    if (parsed === undefined) throw new Error(`no answer, the connection is ${this.#ending}`);
    this.#received = this.#received.subarray(parsed.bodyAt);
    return { status: parsed.status, headers: parsed.headers };
  }

  /** How the server ended the connection, and the bytes that were not asked for yet; `open` if it did not within `waitMs`. */
  async rest(waitMs = 5_000): Promise<{ readonly ending: Ending; readonly bytes: Buffer }> {
    await this.#until(() => (this.#ending === 'open' ? undefined : true), waitMs);
    return { ending: this.#ending, bytes: this.#received };
  }

  close(): void {
    this.socket.destroy();
  }

  #take(bodyless: boolean): RawAnswer | undefined {
    const parsed = parseHead(this.#received);
    if (parsed === undefined) return undefined;
    const { status, headers, bodyAt } = parsed;
    const end = bodyAt + (bodyless || status === 304 ? 0 : Number(headers['content-length'] ?? 0));
    if (this.#received.length < end) return undefined;
    const body = this.#received.subarray(bodyAt, end);
    this.#received = this.#received.subarray(end);
    return { status, headers, body };
  }

  /** What `look` finds, looked for again whenever something happened. */
  async #until<Found>(look: () => Found | undefined, waitMs: number): Promise<Found | undefined> {
    const signal = AbortSignal.timeout(waitMs);
    for (;;) {
      const found = look();
      if (found !== undefined || this.#ending !== 'open') return found;
      const waited = await once(this.socket, 'progress', { signal }).catch(() => undefined);
      if (waited === undefined) return look();
    }
  }

  #finish(ending: Ending): void {
    if (this.#ending === 'open') this.#ending = ending;
    this.socket.emit('progress');
  }
}

/** Sends one request in one write and reads its answer. */
export async function exchange(
  url: URL,
  request: string | Buffer,
  options: tls.ConnectionOptions = {},
): Promise<RawAnswer> {
  const client = await RawClient.open(url, options);
  try {
    client.send(request);
    return await client.answer();
  } finally {
    client.close();
  }
}

/** Lines of a request head, each ended as HTTP wants, with the empty line behind them. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function parseHead(
  received: Buffer,
):
  { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly bodyAt: number } | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(first.split(' ')[1]), headers, bodyAt: end + 4 };
}
