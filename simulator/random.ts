// Seeded randomness: the same seed gives the same fleet and the same faults. It never reads the clock or the machine's
// entropy, and it is not for keys. Algorithms: mulberry32 (Tommy Ettinger, public domain) for the stream, FNV-1a with the
// MurmurHash3 finaliser (Austin Appleby, public domain) for the seeds of forks.

const UTF8 = new TextEncoder();

export class Random {
  readonly #seed: number;
  #state: number;

  /** @param seed any integer; only its lower 32 bits count */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#state = this.#seed;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** True with this probability; 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the items, which must not be empty. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.integer(items.length)] ?? items[0];
  }

  /** A new order of the items; the input stays as it is. */
  shuffle<T>(items: readonly T[]): readonly T[] {
    const keyed = items.map((item) => ({ item, key: this.next() }));
    return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
  }

  /**
   * A stream of its own for a part of the simulation. It depends on seed and name alone, not on what was drawn before,
   * so that one device's luck does not change with the order in which the others poll.
   */
  fork(name: string): Random {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (const byte of UTF8.encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return new Random(hash ^ (hash >>> 16));
  }
}
