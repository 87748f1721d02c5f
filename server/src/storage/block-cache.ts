// Verified blocks in memory, the least recently used dropped first. It trusts its keys: what stands under one key must
// always be the same bytes.

/** Holds at most `maxBytes` of blocks in all. */
export class BlockCache {
  readonly #maxBytes: number;
  readonly #blocks = new Map<string, Buffer>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  get(key: string): Buffer | undefined {
    const block = this.#blocks.get(key);
    if (block === undefined) return undefined;
    // A Map iterates in the order of insertion: the oldest use comes first.
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    return block;
  }

  put(key: string, block: Buffer): void {
    this.#drop(key);
    this.#blocks.set(key, block);
    this.#bytes += block.length;
    for (const oldest of this.#blocks.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const block = this.#blocks.get(key);
    if (block === undefined) return;
    this.#blocks.delete(key);
    this.#bytes -= block.length;
  }
}
