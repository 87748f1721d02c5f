// At most so many changes for one board, however many requests somebody sends in its name: a bucket for each board, and apart for what
// comes with its own token and with the fleet token, so that who has the latter cannot use up the other. A check-in that changes nothing
// writes nothing, and is not counted.

import type { DeviceName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { BOARD_BURST, BOARD_CHANGES_PER_MIN } from '#protocol/limits.ts';

interface Bucket {
  /** Changes that it still has, as of `atMs`. */
  left: number;
  atMs: number;
}

const MS_PER_CHANGE = 60_000 / BOARD_CHANGES_PER_MIN;

/** How long an empty bucket takes to be full again: by then nobody has to remember it. */
const FULL_MS = BOARD_BURST * MS_PER_CHANGE;

/** Buckets that are kept, some 100 bytes each; beyond, the oldest half is forgotten. */
const MOST_BUCKETS = 200_000;

export class BoardRates {
  readonly #clock: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `clock`: steady milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Counts a change. Throws `too_many_requests`. */
  take({ name, speaker }: { readonly name: DeviceName; readonly speaker: { readonly kind: string } }): void {
    const key = `${name.text} ${speaker.kind}`;
    const nowMs = this.#clock();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= MOST_BUCKETS) this.#forget(nowMs);
      this.#buckets.set(key, { left: BOARD_BURST - 1, atMs: nowMs });
      return;
    }
    bucket.left = Math.min(BOARD_BURST, bucket.left + (nowMs - bucket.atMs) / MS_PER_CHANGE);
    bucket.atMs = nowMs;
    if (bucket.left < 1)
      throw new OtterError(
        'too_many_requests',
        `more than ${BOARD_CHANGES_PER_MIN} changes a minute came for this board`,
        'wait as Retry-After says; a board asks once in its interval',
        { retryAfterS: 60 },
      );
    bucket.left -= 1;
  }

  /** Those that are full by now; and the oldest where that is not enough. */
  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#buckets) if (nowMs - atMs > FULL_MS) this.#buckets.delete(key);
    const beyond = this.#buckets.size - MOST_BUCKETS / 2;
    for (const key of [...this.#buckets.keys()].slice(0, Math.max(0, beyond))) this.#buckets.delete(key);
  }
}
