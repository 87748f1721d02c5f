// Every answer over LARGE_ANSWER_BYTES, whichever route gives it: sent in slices, to so many readers at once. Those without a
// token have places of their own, so that they take none from operators. Images and event streams send themselves.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LARGE_ANSWER_BYTES, MAX_LARGE_ANSWERS } from '#protocol/limits.ts';
import { sendSlices } from './send-slices.ts';
import { TransferPlaces } from './transfer-places.ts';

/** To be called before the first route is added. */
export function addLargeAnswers(app: FastifyInstance): void {
  const places = (whom: string) => new TransferPlaces(`large answers ${whom}`, { most: MAX_LARGE_ANSWERS });
  const open = places('without a token');
  const guarded = places('to operators');
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.method === 'HEAD' || !isLarge(payload)) {
      done(null, payload);
      return;
    }
    const isPublic = request.routeOptions.config.scope === 'public';
    try {
      // What was changed is changed: only who asks for something can be told to ask again.
      const giveBack = request.method === 'GET' ? (isPublic ? open : guarded).take(undefined) : () => undefined;
      // A buffer is not copied: what is public is one for all its readers.
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      void send(request, reply, bytes).finally(giveBack);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** From here on the answer is not Fastify's, which would hand it to the connection whole. */
async function send(request: FastifyRequest, reply: FastifyReply, bytes: Buffer): Promise<void> {
  const { raw } = reply.hijack();
  try {
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(reply.statusCode, { 'content-length': bytes.length });
    await sendSlices(request, raw, [bytes]);
  } catch (error) {
    request.log.error({ err: error, request_id: request.id }, 'a large answer was cut: it cannot be sent');
    request.raw.socket.destroy();
  }
}

function isLarge(payload: unknown): payload is string | Buffer {
  if (typeof payload === 'string') return Buffer.byteLength(payload) > LARGE_ANSWER_BYTES;
  return Buffer.isBuffer(payload) && payload.length > LARGE_ANSWER_BYTES;
}
