// Sees that there are new events: one look at the table per second for all feeds of this process together, and none while
// nobody listens. Looking works whichever server process made the change, and asks nothing of the transactions that do.

import type { Logger } from 'pino';
import type { Database } from '#server/db/database.ts';
import { findHead, isBefore, type Position, START } from '#server/db/events/events.ts';

const LOOK_MS = 1_000;

export class EventWatch {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #waiting = new Set<() => void>();
  #head: Position = START;
  #isLooking = false;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** Resolves with `news` when there are events after this position (or the signal is aborted), with `silence` after this time. */
  async next(after: Position, patienceMs: number, signal: AbortSignal): Promise<'news' | 'silence'> {
    if (signal.aborted || isBefore(after, this.#head)) return 'news';
    return new Promise((resolve) => {
      const end = (outcome: 'news' | 'silence'): void => {
        clearTimeout(patience);
        signal.removeEventListener('abort', onNews);
        this.#waiting.delete(onNews);
        resolve(outcome);
      };
      const onNews = (): void => end('news');
      const patience = setTimeout(() => end('silence'), patienceMs);
      signal.addEventListener('abort', onNews, { once: true });
      this.#waiting.add(onNews);
      if (!this.#isLooking) this.#lookLater();
    });
  }

  #lookLater(): void {
    this.#isLooking = true;
    setTimeout(() => void this.#look(), LOOK_MS).unref();
  }

  async #look(): Promise<void> {
    this.#isLooking = false;
    if (this.#waiting.size === 0) return;
    try {
      const head = await findHead(this.#database.read, this.#database.dialect);
      if (isBefore(this.#head, head)) {
        this.#head = head;
        for (const onNews of this.#waiting) onNews();
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'the events could not be looked at; it is tried again');
    }
    if (this.#waiting.size > 0 && !this.#isLooking) this.#lookLater();
  }
}
