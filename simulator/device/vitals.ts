// What a simulated board measures of itself: how long it is up, and its heap. Time comes from outside; a restart is told to
// it. It knows nothing of builds.

import type { Vitals } from './board.ts';
import type { Random } from '#simulator/random.ts';

/** Free internal heap of boards with Wi-Fi up, in bytes, and the share of it that is one block. */
const FREE_HEAP_BYTES = { low: 150_000, high: 230_000 } as const;
const LARGEST_BLOCK_SHARE = 0.55;
/** From check to check it differs by so much. */
const HEAP_JITTER = 0.01;
/** A board that restarted by itself asks so long after. */
const RESTARTED_MS = { low: 2_000, high: 20_000 } as const;

export class VitalSigns {
  readonly #random: Random;
  readonly #freeHeapBytes: number;
  #bootedAtMs: number;
  #heardAtMs: number;

  /** Switched on now. */
  constructor(nowMs: number, random: Random) {
    this.#random = random;
    this.#freeHeapBytes = random.between(FREE_HEAP_BYTES.low, FREE_HEAP_BYTES.high);
    this.#bootedAtMs = nowMs;
    this.#heardAtMs = nowMs;
  }

  /** The board restarts now. */
  restart(nowMs: number): void {
    this.#bootedAtMs = nowMs;
  }

  /** The board has restarted since its last check-in: some seconds ago, or less where that was just now. */
  restartedMeanwhile(nowMs: number): void {
    const agoMs = this.#random.between(RESTARTED_MS.low, RESTARTED_MS.high);
    this.#bootedAtMs = nowMs - Math.min(agoMs, Math.max(0, nowMs - this.#heardAtMs));
  }

  /** For a check-in. `heapLeft`: the share of its free heap that the build has not lost. */
  read(nowMs: number, heapLeft: number): Required<Omit<Vitals, 'nextCheckS'>> {
    this.#heardAtMs = nowMs;
    const jitter = this.#random.between(1 - HEAP_JITTER, 1 + HEAP_JITTER);
    const freeHeapBytes = Math.round(this.#freeHeapBytes * jitter * heapLeft);
    return {
      uptimeS: Math.max(0, Math.floor((nowMs - this.#bootedAtMs) / 1000)),
      freeHeapBytes,
      largestBlockBytes: Math.round(freeHeapBytes * LARGEST_BLOCK_SHARE),
    };
  }
}
