// So many of something for each in a time: a bucket for each that came lately. It costs one look into a map, and its memory is bounded: the
// young map becomes the old one when it is full, and whoever nothing came for since is forgotten with that.

import { MAX_REMEMBERED } from '#protocol/limits.ts';

interface Bucket {
  /** What it still has, as of `atMs`. */
  left: number;
  atMs: number;
}

export interface Rate {
  readonly most: number;
  readonly perS: number;
}

export class Rates {
  readonly #perMs: number;
  readonly #most: number;
  readonly #clock: () => number;
  #young = new Map<string, Bucket>();
  #old: ReadonlyMap<string, Bucket> = new Map();

  /** `most` at once, and `perS` in every second after that. `clock`: steady milliseconds. */
  constructor({ most, perS }: Rate, clock: () => number) {
    this.#perMs = perS / 1000;
    this.#most = most;
    this.#clock = clock;
  }

  /** Counts one more of `whose`. Whether there was room for it. */
  take(whose: string): boolean {
    const nowMs = this.#clock();
    const bucket = this.#bucketOf(whose, nowMs);
    bucket.left = Math.min(this.#most, bucket.left + (nowMs - bucket.atMs) * this.#perMs);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #bucketOf(whose: string, nowMs: number): Bucket {
    const young = this.#young.get(whose);
    if (young !== undefined) return young;
    const bucket = this.#old.get(whose) ?? { left: this.#most, atMs: nowMs };
    if (this.#young.size >= MAX_REMEMBERED / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(whose, bucket);
    return bucket;
  }
}

export function perMinute(count: number): Rate {
  return { most: count, perS: count / 60 };
}
