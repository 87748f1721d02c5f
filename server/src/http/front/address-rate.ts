// So many of something for one address in a time: a bucket for each network that came lately. It costs one look into a map, and its
// memory is bounded: the young map becomes the old one when it is full, and what nobody asked for since is forgotten with that.

import { MAX_ADDRESSES } from '#protocol/limits.ts';
import { networkOf } from './network.ts';

interface Bucket {
  /** What it still has, as of `atMs`. */
  left: number;
  atMs: number;
}

export class AddressRate {
  readonly #perMs: number;
  readonly #most: number;
  readonly #clock: () => number;
  #young = new Map<string, Bucket>();
  #old: ReadonlyMap<string, Bucket> = new Map();

  /** `most` at once, and `perS` in every second after that. `clock`: steady milliseconds. */
  constructor({ most, perS }: { readonly most: number; readonly perS: number }, clock: () => number) {
    this.#perMs = perS / 1000;
    this.#most = most;
    this.#clock = clock;
  }

  /** Counts one more. Whether there was room for it. */
  take(address: string): boolean {
    const nowMs = this.#clock();
    const bucket = this.#bucketOf(networkOf(address), nowMs);
    bucket.left = Math.min(this.#most, bucket.left + (nowMs - bucket.atMs) * this.#perMs);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** Networks that are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #bucketOf(network: string, nowMs: number): Bucket {
    const young = this.#young.get(network);
    if (young !== undefined) return young;
    const bucket = this.#old.get(network) ?? { left: this.#most, atMs: nowMs };
    if (this.#young.size >= MAX_ADDRESSES / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(network, bucket);
    return bucket;
  }
}
