// What one step of forgetting is given.

export interface PruneRange {
  /** The key behind which it goes on; 0 at the beginning of a pass. A step resolves with the next; undefined: it was the last. */
  readonly afterId: number;
  /** What is older than this goes. */
  readonly beforeMs: number;
}
