// Somebody who listens to the event stream of a server, over real TLS, until the test ends.

import { Value } from 'typebox/value';
import { onTestFinished, vi } from 'vitest';
import { eventStream } from '#protocol/admin/routes.ts';
import { readEventStream } from '#protocol/admin/event-stream.ts';
import { Event } from '#protocol/admin/events.ts';
import { openPinned, PinnedAgent } from '#protocol/pinned-https.ts';
import type { ServerClient } from './server/client.ts';

const BEGIN_TIMEOUT_MS = 20_000;

export interface Listen {
  readonly lastId?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Awaited after each piece of the stream: a reader that takes its time. */
  readonly rest?: () => Promise<void>;
}

export class EventListener {
  readonly events: Event[] = [];
  /** What to resume after. */
  lastId: string | undefined;
  /** Resolves when the stream has ended: `clean` where the server said so. */
  readonly ended: Promise<'clean' | 'cut'>;
  readonly #stop: () => void;

  constructor(chunks: AsyncIterable<Uint8Array>, stop: () => void) {
    this.#stop = stop;
    this.ended = this.#read(chunks);
  }

  stop(): void {
    this.#stop();
  }

  /** Waits until as many events were heard, and answers what `pick` says of each. */
  async heard<T>(count: number, pick: (event: Event) => T): Promise<readonly T[]> {
    while (this.events.length < count) {
      const before = this.events.length;
      await vi.waitFor(
        () => {
          if (this.events.length === before) throw new Error(`heard ${before} of ${count} events, and no more`);
        },
        // Sooner than a stream that only says that it is alive would look again.
        { timeout: 10_000, interval: 20 },
      );
    }
    return this.events.map(pick);
  }

  async #read(chunks: AsyncIterable<Uint8Array>): Promise<'clean' | 'cut'> {
    try {
      for await (const { id, data } of readEventStream(chunks)) {
        if (data !== undefined) this.events.push(Value.Parse(Event, JSON.parse(data)));
        this.lastId = id;
      }
      return 'clean';
    } catch {
      return 'cut';
    }
  }
}

/** Resolves when the server has said where the stream begins. */
export async function listen(server: ServerClient, options: Listen = {}): Promise<EventListener> {
  const query = new URLSearchParams(options.query ?? {}).toString();
  // Of its own: stopping a test server ends the connections of its client first.
  const agent = new PinnedAgent(server.pin);
  onTestFinished(() => agent.destroy());
  const response = await openPinned({
    method: 'GET',
    url: new URL(query === '' ? eventStream.path : `${eventStream.path}?${query}`, server.url),
    agent,
    headers: {
      authorization: `Bearer ${server.adminToken}`,
      ...(options.lastId === undefined ? {} : { 'last-event-id': options.lastId }),
    },
  });
  if (response.statusCode !== 200) throw new Error(`the event stream answered ${response.statusCode}`);
  const listener = new EventListener(slowly(response, options.rest), () => response.destroy());
  onTestFinished(() => listener.stop());
  await vi.waitFor(() => {
    if (listener.lastId === undefined) throw new Error('the stream has not begun');
  }, BEGIN_TIMEOUT_MS);
  return listener;
}

async function* slowly(chunks: AsyncIterable<Uint8Array>, rest?: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    await rest?.();
  }
}
