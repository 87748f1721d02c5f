// A TCP line to a server that can go silent, as that of a router which lost its tables: nothing comes any more, and nobody is told.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

interface Connection {
  readonly ends: readonly net.Socket[];
  isSilent: boolean;
}

export class SilentLine {
  /** Where a client connects to. */
  readonly url: URL;
  readonly #listener: net.Server;
  readonly #connections: Connection[] = [];
  #isSilent = false;

  private constructor(listener: net.Server, to: URL) {
    const { port } = listener.address() as AddressInfo;
    this.url = new URL(`https://127.0.0.1:${port}`);
    this.#listener = listener;
    listener.on('connection', (near) => this.#relay(near, net.connect(Number(to.port), to.hostname)));
  }

  static async open(to: URL): Promise<SilentLine> {
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return new SilentLine(listener, to);
  }

  /** Every connection that there is, and every one that is made from now on, says nothing any more. */
  goSilent(): void {
    this.#isSilent = true;
    for (const connection of this.#connections) connection.isSilent = true;
  }

  /** New connections work; those from before stay silent. */
  comeBack(): void {
    this.#isSilent = false;
  }

  close(): void {
    this.#listener.close();
    for (const { ends } of this.#connections) for (const end of ends) end.destroy();
  }

  #relay(near: net.Socket, far: net.Socket): void {
    const connection: Connection = { ends: [near, far], isSilent: this.#isSilent };
    this.#connections.push(connection);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => void (connection.isSilent || to.write(bytes)));
      from.on('close', () => void (connection.isSilent || to.destroy()));
      from.on('error', () => undefined);
    }
  }
}
