// So many of something for one address in a time. Addresses of one network are one.

import { type Rate, Rates } from '#server/service/rates.ts';
import { networkOf } from './network.ts';

export class AddressRate {
  readonly #rates: Rates;

  /** `clock`: steady milliseconds. */
  constructor(rate: Rate, clock: () => number) {
    this.#rates = new Rates(rate, clock);
  }

  /** Counts one more. Whether there was room for it. */
  take(address: string): boolean {
    return this.#rates.take(networkOf(address));
  }
}
