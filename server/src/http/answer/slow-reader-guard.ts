// Cuts a reader that moves less than the smallest rate over a whole grace period, so that it cannot hold a download slot
// for ever.

import type { Writable } from 'node:stream';
import { MIN_TRANSFER_BYTES_PER_S, TRANSFER_GRACE_MS } from '#protocol/limits.ts';

export class SlowReaderGuard {
  #movedBytes = 0;
  readonly #timer: NodeJS.Timeout;

  /** Destroys `connection` after a grace period with too few bytes, and says so through `onCut` before. */
  constructor(connection: Writable, onCut: () => void) {
    this.#timer = setInterval(() => {
      if (this.#movedBytes >= (MIN_TRANSFER_BYTES_PER_S * TRANSFER_GRACE_MS) / 1000) {
        this.#movedBytes = 0;
        return;
      }
      onCut();
      connection.destroy();
    }, TRANSFER_GRACE_MS);
  }

  moved(bytes: number): void {
    this.#movedBytes += bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
