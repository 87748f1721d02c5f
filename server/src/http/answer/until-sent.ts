// Writing to an answer at the pace of its reader.

import type { ServerResponse } from 'node:http';

/** Resolves when the system has taken what `send` writes, or the client is gone; leaves no listener behind. */
export async function untilSent(raw: ServerResponse, send: (sent: () => void) => void): Promise<void> {
  if (raw.destroyed || raw.closed) return;
  await new Promise<void>((resolve) => {
    raw.once('close', resolve);
    send(() => {
      raw.off('close', resolve);
      resolve();
    });
  });
}
