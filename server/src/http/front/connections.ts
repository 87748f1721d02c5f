// Connections before anything was said on them. An address may make so many in a second and have so many open; others are closed before a
// handshake costs anything. The machine itself and listed proxies are not counted: they come for many.

import type { Server, Socket } from 'node:net';
import { MAX_SHARE_OF_CONNECTIONS } from '#protocol/limits.ts';
import type { AddressRate } from './address-rate.ts';
import { isLoopback, networkOf } from './network.ts';
import { keepAddress, takeProxyHeader } from './proxied-socket.ts';

/** The proxies of `trust_proxy`: what they say of an address is believed. */
export interface Proxies {
  readonly isEmpty: boolean;
  has(address: string): boolean;
}

export interface Front {
  /** New connections of an address. */
  readonly rate: AddressRate;
  readonly proxies: Proxies;
  /** Whether connections of proxies begin with a header of the PROXY protocol. */
  readonly speakProxyProtocol: boolean;
  readonly maxConnections: number;
}

/** To be called when all who listen to `connection` are there: they hear of those that are let in, and no sooner. */
export function guardConnections(server: Server, front: Front): void {
  const open = new OpenConnections(Math.max(1, Math.floor(front.maxConnections * MAX_SHARE_OF_CONNECTIONS)));
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  const enter = (socket: Socket): void => {
    if (!admit(socket, front, open)) socket.destroy();
    else for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  };
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '' } = socket;
    if (!front.speakProxyProtocol || !front.proxies.has(address)) enter(socket);
    // Commands and checks on the machine of the server come without; from elsewhere the proxy must say for whom, or its clients could.
    else takeProxyHeader(socket, { mayBeMissing: isLoopback(address) }, () => enter(socket));
  });
  if (front.speakProxyProtocol) server.prependListener('secureConnection', keepAddress);
}

function admit(socket: Socket, { rate, proxies }: Front, open: OpenConnections): boolean {
  const { remoteAddress: address } = socket;
  // Gone already: whatever comes next finds that out.
  if (address === undefined || isLoopback(address) || proxies.has(address)) return true;
  return rate.take(address) && open.add(address, socket);
}

/** How many each address has open: never more entries than connections. */
class OpenConnections {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether the address may have one more, which counts until it is closed. */
  add(address: string, socket: Socket): boolean {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#most) return false;
    this.#counts.set(network, count + 1);
    socket.once('close', () => {
      const left = (this.#counts.get(network) ?? 1) - 1;
      if (left === 0) this.#counts.delete(network);
      else this.#counts.set(network, left);
    });
    return true;
  }
}
