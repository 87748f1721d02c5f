// The body of an answer at the pace of its reader: whoever stands still holds one slice of it, and is cut after a grace.

import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { SlowReaderGuard } from './slow-reader-guard.ts';
import { untilSent } from './until-sent.ts';

/** Bytes handed to a connection at once, the next when the system has taken them: a slow reader holds one TLS record. */
const SLICE_BYTES = 16_384;

/**
 * Sends the parts, whose head is written already, and ends the answer. Resolves with whether that is done, or the reader is gone;
 * rejects with what `parts` throws, and then the answer is not ended.
 */
export async function sendSlices(
  request: FastifyRequest,
  raw: ServerResponse,
  parts: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<boolean> {
  // A cut is one of the connection: behind other answers an answer alone cannot be cut.
  const guard = new SlowReaderGuard(request.raw.socket, () => {
    request.warnings = ['slow_client'];
  });
  try {
    for await (const part of parts) {
      for (let at = 0; at < part.length; at += SLICE_BYTES) {
        if (raw.destroyed) return false;
        const slice = part.subarray(at, at + SLICE_BYTES);
        await untilSent(raw, (sent) => raw.write(slice, sent));
        guard.moved(slice.length);
      }
    }
    await untilSent(raw, (sent) => raw.end(sent));
    return !raw.destroyed;
  } finally {
    guard.stop();
  }
}
