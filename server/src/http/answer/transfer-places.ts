// Places for what takes long to send. Whoever finds all of them taken is told to come later, and nobody waits in line.

import { OtterError } from '#protocol/errors.ts';

/** Seconds after which one that finds every place taken may come back, at the earliest. */
const BUSY_RETRY_S = 30;

export class TransferPlaces {
  readonly #max: number;
  readonly #message: string;
  #taken = 0;

  constructor(max: number, message: string) {
    this.#max = max;
    this.#message = message;
  }

  /** Returns what gives the place back, to be called once. Throws `busy`. */
  take(): () => void {
    if (this.#taken >= this.#max)
      throw new OtterError('busy', this.#message, 'try again later', {
        retryAfterS: BUSY_RETRY_S,
      });
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
    };
  }
}
