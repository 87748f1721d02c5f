// Finds damage of a SQLite database that no request has met yet: reads all pages again from time to time, in a thread of its
// own, while somebody asks whether all is well. It mends nothing.

import { Worker } from 'node:worker_threads';

/** The first check after the start, and the shortest time between two, in milliseconds. */
const INTERVAL_MS = 10_000;

/** A check that takes long is made less often: a disk is busy with it for half a percent of the time. */
const REST_FACTOR = 200;

export class PageCheck {
  readonly #file: string;
  readonly #onDamage: (why: string) => void;
  #nextMs = performance.now() + INTERVAL_MS;
  #worker: Worker | undefined;

  /** `onDamage` is told what SQLite says. */
  constructor(file: string, onDamage: (why: string) => void) {
    this.#file = file;
    this.#onDamage = onDamage;
  }

  /** Begins a check where it is time for one; does not wait for it. */
  look(): void {
    const sinceMs = performance.now();
    if (this.#worker !== undefined || sinceMs < this.#nextMs) return;
    const worker = new Worker(new URL('./page-check-worker.ts', import.meta.url), { workerData: this.#file });
    this.#worker = worker;
    worker.unref();
    worker.once('message', (found: unknown) => {
      if (found !== 'ok') this.#onDamage(String(found));
    });
    worker.once('error', (error) => {
      // What else may go wrong (no memory, a lock) says nothing of the pages; the next check comes.
      if (/malformed|not a database/.test(error.message)) this.#onDamage(error.message);
    });
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#nextMs = performance.now() + Math.max(INTERVAL_MS, (performance.now() - sinceMs) * REST_FACTOR);
    });
  }

  async stop(): Promise<void> {
    this.#nextMs = Number.POSITIVE_INFINITY;
    await this.#worker?.terminate();
  }
}
