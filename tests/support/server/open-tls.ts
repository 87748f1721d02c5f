// TLS over a connection that is there already, as behind a proxy that passes it through.

import type net from 'node:net';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';

/** Undefined where the connection was closed before TLS began on it. */
export async function openTls(below: net.Socket): Promise<tls.TLSSocket | undefined> {
  const socket = tls.connect({ socket: below, rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
    below.once('close', () => resolve(undefined));
  });
}
