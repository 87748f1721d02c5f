// A download that is under way for as long as a test wants: its reader stands still, and what the buffers of both ends could hold of it is taken
// by what it asked for before.

import type { ServerAccess } from '../server/client.ts';
import { head, RawClient } from '../server/raw-client.ts';

/** The largest answer without a token, and what the buffers of both ends do not hold. */
const LARGE_PATH = '/docs/js/scalar.js';
const MORE_THAN_BUFFERS_BYTES = 9_000_000;

export class Downloads {
  readonly #server: ServerAccess;
  /** Of the large answer, before each image. */
  readonly times: number;

  private constructor(server: ServerAccess, times: number) {
    this.#server = server;
    this.times = times;
  }

  static async of(
    server: ServerAccess & { fetch(method: 'GET', path: string): Promise<{ readonly body: Buffer }> },
  ): Promise<Downloads> {
    // It is loaded at its first request, which takes a while on a busy machine.
    const { body } = await server.fetch('GET', LARGE_PATH);
    return new Downloads(server, Math.ceil(MORE_THAN_BUFFERS_BYTES / body.length));
  }

  /** Reads nothing, and so keeps its place until it is closed. */
  async hold(path: string, token: string): Promise<RawClient> {
    const client = await RawClient.open(this.#server.url);
    client.socket.once('data', () => client.socket.pause());
    const before = head(`GET ${LARGE_PATH} HTTP/1.1`, 'Host: otter').repeat(this.times);
    // In one write: a server that cannot get rid of its answers reads no further.
    client.send(before + head(`GET ${path} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${token}`));
    return client;
  }
}
