// Connections before anything was said on them. An address may make so many in a second, have so many open, and so many of them in their TLS
// handshake; others are closed before a handshake costs anything. The machine itself and listed proxies are not counted: they come for many.

import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MAX_SHARE_OF_CONNECTIONS } from '#protocol/limits.ts';
import type { AddressRate } from './address-rate.ts';
import { isLoopback, networkOf } from './network.ts';
import { Places } from './places.ts';
import { belowOf, keepAddress, takeProxyHeader } from './proxied-socket.ts';

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
  /** TLS handshakes that are under way. */
  readonly handshakes: Places;
}

/** To be called when all who listen to `connection` are there: they hear of those that are let in, and no sooner. */
export function guardConnections(server: Server, front: Front): void {
  const mostOfEach = Math.max(1, Math.floor(front.maxConnections * MAX_SHARE_OF_CONNECTIONS));
  const open = new Places({ most: front.maxConnections, mostOfEach });
  const shakingHands = new ShakingHands(front.handshakes);
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  const enter = (socket: Socket): void => {
    if (!admit(socket, front, open, shakingHands)) socket.destroy();
    else for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  };
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '' } = socket;
    if (!front.speakProxyProtocol || !front.proxies.has(address)) enter(socket);
    // Commands and checks on the machine of the server come without; from elsewhere the proxy must say for whom, or its clients could.
    else takeProxyHeader(socket, { mayBeMissing: isLoopback(address) }, () => enter(socket));
  });
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (front.speakProxyProtocol) keepAddress(socket);
    shakingHands.end(belowOf(socket));
  });
}

function admit(socket: Socket, { rate, proxies }: Front, open: Places, shakingHands: ShakingHands): boolean {
  const { remoteAddress: address } = socket;
  // Gone already: whatever comes next finds that out.
  if (address === undefined || isLoopback(address) || proxies.has(address)) return true;
  const network = networkOf(address);
  if (!rate.take(address)) return false;
  const leave = open.take(network);
  if (typeof leave === 'string') return false;
  socket.once('close', leave);
  return shakingHands.begin(socket, network);
}

/** Connections between their first byte and the end of their TLS handshake. */
class ShakingHands {
  readonly #places: Places;
  readonly #leave = new WeakMap<Socket, () => void>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** Whether there is room for one more. */
  begin(socket: Socket, network: string): boolean {
    const leave = this.#places.take(network);
    if (typeof leave === 'string') return false;
    this.#leave.set(socket, leave);
    socket.once('close', leave);
    return true;
  }

  end(socket: Socket | undefined): void {
    const leave = socket === undefined ? undefined : this.#leave.get(socket);
    if (socket === undefined || leave === undefined) return;
    socket.off('close', leave);
    leave();
  }
}
