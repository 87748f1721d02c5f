// A connection whose first bytes are those of a proxy. They are taken off before TLS begins, and from then on the connection has the address
// of whom the proxy speaks for, wherever it is asked for.

import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HANDSHAKE_TIMEOUT_MS } from './listening-limits.ts';
import { readProxyHeader } from './proxy-header.ts';

/**
 * Calls `pass` when the header was read and taken off; destroys a connection that brings another one, or none in time. `mayBeMissing`: TLS may
 * begin at once, which no header can be taken for.
 */
export function takeProxyHeader(
  socket: Socket,
  { mayBeMissing }: { readonly mayBeMissing: boolean },
  pass: () => void,
): void {
  let received = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT_MS).unref();
  const drop = (): void => void socket.destroy();
  const leave = (): void => {
    clearTimeout(timer);
    socket.off('readable', look).off('error', drop).off('close', leave);
  };
  const look = (): void => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return;
    received = Buffer.concat([received, bytes]);
    const header = readProxyHeader(received);
    if (header.kind === 'incomplete') return;
    if (header.kind === 'none' && !mayBeMissing) {
      socket.destroy();
      return;
    }
    leave();
    if (header.kind === 'header' && header.address !== undefined) setAddress(socket, header.address);
    const rest = header.kind === 'header' ? received.subarray(header.bytes) : received;
    if (rest.length > 0) socket.unshift(rest);
    pass();
  };
  socket.on('readable', look).on('error', drop).on('close', leave);
}

/** TLS is a socket of its own above this one. */
export function keepAddress(socket: TLSSocket): void {
  const address = belowOf(socket)?.remoteAddress;
  if (address !== undefined && address !== socket.remoteAddress) setAddress(socket, address);
}

/** The connection that TLS is spoken on. */
export function belowOf(socket: TLSSocket): Socket | undefined {
  return '_parent' in socket && socket._parent instanceof Socket ? socket._parent : undefined;
}

/** From here on `socket.remoteAddress` says this. */
export function setAddress(socket: Socket, address: string): void {
  Object.defineProperty(socket, 'remoteAddress', { value: address, configurable: true });
}
