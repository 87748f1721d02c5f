// Waits for what /readyz says: a proof is made once a second at most.

import { vi } from 'vitest';
import type { ServerClient } from '../../support/server/client.ts';

/** Resolves with the message when /readyz answers with this status, and this code where one is given. */
export async function untilReadyz(server: ServerClient, status: number, code?: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const { status: found, body } = await server.json('GET', '/readyz');
      const error = body['error'] as { readonly code: string; readonly message: string } | undefined;
      if (found !== status || (code !== undefined && error?.code !== code))
        throw new Error(`/readyz answers ${found}, ${JSON.stringify(body)}; wanted ${status} ${code ?? ''}`);
      return error?.message ?? '';
    },
    { timeout: 30_000, interval: 100 },
  );
}
