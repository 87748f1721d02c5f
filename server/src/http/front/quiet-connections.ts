// Connections on which nothing came for a time are closed. Node looks at its timers before it looks at its sockets: a process that was held up,
// by a disk that stalls or by a full machine, would close those whose question has long arrived.

import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

export function closeQuietConnections(server: Server | TlsServer): void {
  server.on('timeout', (socket: Socket) => {
    const bytes = socket.bytesRead;
    // Between timers and this, what has arrived is read; with it the time begins anew.
    setImmediate(() => {
      if (socket.bytesRead === bytes) socket.destroy();
    });
  });
}
