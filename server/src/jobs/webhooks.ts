// Calls the service that tells webhooks of events: each has a loop of its own, so that one that hangs keeps none of the others
// waiting. It decides nothing; a round that fails is logged and the next one tries again.

import type { Deps } from '#server/service/deps.ts';
import { deliverNext } from '#server/service/events/webhooks.ts';
import type { Webhook } from '#server/service/settings.ts';

/** How soon after its event a webhook is told. */
const ROUND_MS = 1_000;

export interface Webhooks {
  /** Tells now what is due; resolves when that is done. */
  readonly run: () => Promise<void>;
  /** Cuts what is under way: it is told again after the next start. */
  readonly stop: () => Promise<void>;
}

export function startWebhooks(deps: Deps, clock: () => number): Webhooks {
  const stopping = new AbortController();
  const loops = deps.settings.webhooks.map((webhook) => new Loop(deps, webhook, clock, stopping.signal));
  const round = (): void => {
    for (const loop of loops) if (!loop.isBusy) void loop.run();
  };
  // At once: one that is new begins with now.
  round();
  const timer = loops.length === 0 ? undefined : setInterval(round, ROUND_MS);
  return {
    run: async () => void (await Promise.all(loops.map(async (loop) => loop.run()))),
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(loops.map(async (loop) => loop.ended()));
    },
  };
}

class Loop {
  readonly #deps: Deps;
  readonly #webhook: Webhook;
  readonly #clock: () => number;
  readonly #signal: AbortSignal;
  #running: Promise<void> = Promise.resolve();
  #rounds = 0;

  constructor(deps: Deps, webhook: Webhook, clock: () => number, signal: AbortSignal) {
    this.#deps = deps;
    this.#webhook = webhook;
    this.#clock = clock;
    this.#signal = signal;
  }

  get isBusy(): boolean {
    return this.#rounds > 0;
  }

  /** One round after those that are under way. */
  async run(): Promise<void> {
    this.#rounds += 1;
    this.#running = this.#running.then(async () => this.#round());
    return this.#running;
  }

  async ended(): Promise<void> {
    return this.#running;
  }

  async #round(): Promise<void> {
    try {
      let hasMore = true;
      while (hasMore && !this.#signal.aborted)
        hasMore = await deliverNext(this.#deps, this.#webhook, this.#signal, this.#clock());
    } catch (error) {
      this.#deps.log.error({ err: error, webhook: this.#webhook.name }, 'a webhook could not be seen to');
    } finally {
      this.#rounds -= 1;
    }
  }
}
