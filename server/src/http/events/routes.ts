// The event stream: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) that resume after
// `Last-Event-ID`. What is sent next is read when the last was taken, so a slow reader is late and costs nothing.

import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { eventStream } from '#protocol/admin/routes.ts';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_EVENT_STREAMS } from '#protocol/limits.ts';
import type { Deps } from '#server/service/deps.ts';
import { isStillIn } from '#server/service/access/sessions.ts';
import { EventWatch } from '#server/service/events/watch.ts';
import { type FeedBatch, openFeed } from '#server/service/events/events.ts';
import { untilSent } from '#server/http/answer/until-sent.ts';

/** Seconds after which a listener that finds every place taken may come back. */
const BUSY_RETRY_S = 30;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Nobody asks for anything else on it, so that it can go when the stream ends.
  connection: 'close',
  // nginx holds back what it passes on unless it is told not to.
  'x-accel-buffering': 'no',
};

export function addEventRoutes(app: FastifyInstance, deps: Deps, clock: () => number): void {
  const watch = new EventWatch(deps.database, deps.log);
  const streams = new Map<AbortController, Promise<void>>();
  // Before connections are waited for: a stream has no end of its own.
  app.addHook('preClose', async () => {
    for (const stop of streams.keys()) stop.abort();
    await Promise.allSettled(streams.values());
  });
  app.get<{ Querystring: Static<typeof eventStream.query> }>(
    eventStream.path,
    {
      config: { scope: 'admin' },
      schema: {
        operationId: 'followEvents',
        tags: ['events'],
        summary: eventStream.summary,
        security: [{ adminToken: [] }],
        querystring: eventStream.query,
        response: {
          200: { description: eventStream.summary, content: { 'text/event-stream': { schema: eventStream.event } } },
          '4xx': ErrorAnswer,
          '5xx': ErrorAnswer,
        },
      },
    },
    async (request, reply) => {
      if (streams.size >= MAX_EVENT_STREAMS)
        throw new OtterError('busy', `${MAX_EVENT_STREAMS} others listen to this server`, 'try again later', {
          retryAfterS: BUSY_RETRY_S,
        });
      const stop = new AbortController();
      const streaming = stream(deps, watch, { request, reply, stop, clock });
      streams.set(stop, streaming);
      try {
        await streaming;
      } finally {
        streams.delete(stop);
      }
      return reply;
    },
  );
}

interface Exchange {
  readonly request: FastifyRequest<{ Querystring: Static<typeof eventStream.query> }>;
  readonly reply: FastifyReply;
  readonly stop: AbortController;
  readonly clock: () => number;
}

async function stream(deps: Deps, watch: EventWatch, { request, reply, stop, clock }: Exchange): Promise<void> {
  const lastId = [request.headers['last-event-id']].flat()[0];
  const after = lastId === undefined || lastId === '' ? request.query.after : lastId;
  const feed = await openFeed(deps, watch, { ...request.query, after }, stop.signal);
  if (request.method === 'HEAD') {
    await reply.headers(HEADERS).send();
    return;
  }
  reply.hijack();
  reply.raw.writeHead(200, { ...HEADERS, 'x-request-id': request.id });
  const isAllowed = async (): Promise<boolean> => isStillIn(deps, request.principal, clock());
  await send(request, reply.raw, { feed, isAllowed }, stop);
}

async function send(
  request: Pick<FastifyRequest, 'id' | 'log' | 'raw'>,
  raw: ServerResponse,
  { feed, isAllowed }: { readonly feed: AsyncIterable<FeedBatch>; readonly isAllowed: () => Promise<boolean> },
  stop: AbortController,
): Promise<void> {
  raw.once('close', () => stop.abort());
  // A reader that takes nothing would keep a server that stops from ending.
  stop.signal.addEventListener('abort', () => {
    if (raw.writableLength > 0) request.raw.socket.destroy();
  });
  try {
    for await (const batch of feed) {
      // A session may have ended since; an open stream must not outlive it.
      if (!(await isAllowed())) break;
      await untilSent(raw, (sent) => raw.write(toText(batch), sent));
    }
    raw.end();
  } catch (error) {
    request.log.error({ err: error, request_id: request.id }, 'an event stream was cut: the events cannot be read');
    request.raw.socket.destroy();
  }
}

/** An id without data moves the position of the reader and is no event to it; the comment keeps the connection alive. */
function toText({ events, id }: FeedBatch): string {
  if (events.length === 0) return `: so far\nid: ${id}\n\n`;
  return events.map((event) => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
}
