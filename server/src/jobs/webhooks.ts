// Calls the services that tell webhooks of events, and recipients of what needs a person: each has a loop of its own, so that one that
// hangs keeps none of the others waiting. It decides nothing; a round that fails is logged and the next one tries again.

import { TROUBLE_LOOK_MS } from '#protocol/limits.ts';
import type { Deps } from '#server/service/deps.ts';
import { LANES } from '#server/service/events/lanes.ts';
import { deliverNext } from '#server/service/events/webhooks.ts';
import { tellNext } from '#server/service/notices/deliver.ts';
import { noteTroubles } from '#server/service/notices/troubles.ts';

/** How soon after its event a webhook is told. */
const ROUND_MS = 1_000;

export interface Webhooks {
  /** Tells now what is due; resolves when that is done. */
  readonly run: () => Promise<void>;
  /** Cuts what is under way: it is told again after the next start. */
  readonly stop: () => Promise<void>;
}

/** Resolves with whether there may be more to do at once. */
type Work = (signal: AbortSignal, nowMs: number) => Promise<boolean>;

export function startWebhooks(deps: Deps, clock: () => number): Webhooks {
  const stopping = new AbortController();
  const loop = (name: string, work: Work): Loop => new Loop({ deps, name, work, clock, signal: stopping.signal });
  const { webhooks, recipients } = deps.settings;
  // Those before the others: what they find is told in the same round.
  const looking = loop('troubles', lookingFor(deps));
  const telling = [
    ...webhooks.map((webhook) =>
      loop(webhook.name, async (signal, nowMs) => deliverNext(deps, webhook, signal, nowMs)),
    ),
    ...recipients.flatMap((recipient) =>
      LANES.map((lane) =>
        loop(recipient.name, async (signal, nowMs) => tellNext(deps, { recipient, lane }, signal, nowMs)),
      ),
    ),
  ];
  const round = (): void => {
    for (const one of [looking, ...telling]) if (!one.isBusy) void one.run();
  };
  // At once: one that is new begins with now.
  round();
  const timer = setInterval(round, ROUND_MS);
  return {
    run: async () => {
      await looking.run();
      await Promise.all(telling.map(async (one) => one.run()));
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.all([looking, ...telling].map(async (one) => one.ended()));
    },
  };
}

/** Once a minute. */
function lookingFor(deps: Deps): Work {
  let lookedAtMs: number | undefined;
  return async (_, nowMs) => {
    if (lookedAtMs !== undefined && nowMs >= lookedAtMs && nowMs - lookedAtMs < TROUBLE_LOOK_MS) return false;
    lookedAtMs = nowMs;
    await noteTroubles(deps, nowMs);
    return false;
  };
}

interface LoopOptions {
  readonly deps: Deps;
  readonly name: string;
  readonly work: Work;
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

class Loop {
  readonly #options: LoopOptions;
  #running: Promise<void> = Promise.resolve();
  #rounds = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
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
    const { deps, name, work, clock, signal } = this.#options;
    try {
      let hasMore = true;
      while (hasMore && !signal.aborted) hasMore = await work(signal, clock());
    } catch (error) {
      deps.log.error({ err: error, webhook: name }, 'a webhook could not be seen to');
    } finally {
      this.#rounds -= 1;
    }
  }
}
