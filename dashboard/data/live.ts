// One event stream for each browser: the tabs elect a leader by a lock, the leader reads the stream and tells the others. A browser
// has six connections to a server, and a stream in each of six tabs would leave none to ask anything else. What came is handed on at
// most once a second. A hidden tab gives the lead away.

import { readEventStream } from '#protocol/admin/event-stream.ts';
import type { Event } from '#protocol/admin/events.ts';
import { EVENT_SILENCE_MS } from '#protocol/limits.ts';
import { Patience } from './patience.ts';

type LiveState = 'connecting' | 'live' | 'broken';

export interface Live {
  /** The latest first. */
  readonly events: readonly Event[];
  readonly state: LiveState;
}

const CHANNEL = 'otter-events';
/** What a tab that has just opened asks the leader for: how it stands. */
const ASK = 'how do we stand?';

const BATCH_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const MOST_EVENTS = 50;
const STREAM = '/api/v1/admin/events';

interface Told {
  readonly events: readonly Event[];
  readonly state: LiveState;
}

/** Follows until `stop` is called. `onEvents` hears of changes, in every tab, at most once a second. */
export function startLive(onChange: (live: Live) => void, onEvents: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  let live: Live = { events: [], state: 'connecting' };
  const take = ({ events, state }: Told): void => {
    const known = new Set(live.events.map(({ id }) => id));
    const fresh = events.filter(({ id }) => !known.has(id));
    live = { events: [...fresh.toReversed(), ...live.events].slice(0, MOST_EVENTS), state };
    onChange(live);
    if (fresh.length > 0) onEvents();
  };
  channel.addEventListener('message', ({ data }: MessageEvent<Told | typeof ASK>) => {
    if (data === ASK) batch.repeat();
    else take(data);
  });
  const batch = new Batch((told) => {
    take(told);
    // A channel has no origin to name: it reaches pages of this server alone.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    channel.postMessage(told);
  });
  let lead: AbortController | undefined;
  const onVisibility = (): void => {
    lead?.abort();
    lead = undefined;
    batch.forget();
    if (document.hidden) return;
    lead = new AbortController();
    void follow(batch, lead.signal);
  };
  document.addEventListener('visibilitychange', onVisibility);
  onVisibility();
  // The leader told the state when it changed, which may be long ago.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  channel.postMessage(ASK);
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    lead?.abort();
    batch.stop();
    channel.close();
  };
}

/** Waits for the lead, and reads the stream while it has it. */
async function follow(batch: Batch, signal: AbortSignal): Promise<void> {
  await navigator.locks
    .request(CHANNEL, { signal }, async () => {
      let waitMs = FIRST_RETRY_MS;
      while (!signal.aborted) {
        const began = await readOnce(batch, signal).catch(() => false);
        waitMs = began ? FIRST_RETRY_MS : Math.min(waitMs * 2, LONGEST_RETRY_MS);
        if (signal.aborted) return;
        batch.say('broken');
        await pause(waitMs, signal);
      }
    })
    .catch(() => undefined);
}

let lastId: string | undefined;

/** Resolves with whether the stream began. */
async function readOnce(batch: Batch, signal: AbortSignal): Promise<boolean> {
  const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
  const patience = new Patience(EVENT_SILENCE_MS, signal);
  const response = await fetch(STREAM, { headers, signal: patience.signal });
  // The place is not known there (any more): begin with what happens from now on.
  if (response.status === 400) lastId = undefined;
  if (!response.ok || response.body === null) return false;
  batch.say('live');
  for await (const { id, data } of readEventStream(chunksOf(response.body))) {
    patience.heard();
    lastId = id;
    if (data !== undefined) batch.add(JSON.parse(data) as Event);
  }
  return true;
}

/** Not every browser can iterate a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Hands on what was added, at most once in `BATCH_MS`. */
class Batch {
  readonly #send: (told: Told) => void;
  #events: Event[] = [];
  #state: LiveState = 'connecting';
  #sentAtMs = 0;
  #timer: number | undefined;

  constructor(send: (told: Told) => void) {
    this.#send = send;
  }

  add(event: Event): void {
    this.#events.push(event);
    this.#schedule();
  }

  say(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#schedule();
  }

  /** Says once more how it stands; a tab that does not lead knows nothing. */
  repeat(): void {
    if (this.#state !== 'connecting') this.#schedule();
  }

  /** The lead is given away: how the next leader stands is not known here. */
  forget(): void {
    this.#state = 'connecting';
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const waitMs = this.#sentAtMs + BATCH_MS - Date.now();
    clearTimeout(this.#timer);
    if (waitMs <= 0) this.#flush();
    else this.#timer = window.setTimeout(() => this.#flush(), waitMs);
  }

  #flush(): void {
    this.#sentAtMs = Date.now();
    const events = this.#events;
    this.#events = [];
    this.#send({ events, state: this.#state });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
