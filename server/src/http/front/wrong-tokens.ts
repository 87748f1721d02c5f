// How many wrong tokens an address may try: beyond that it is told to wait, not why. The token is looked at all the same and a right one
// is let in, so that one wrong board behind a router, or somebody who guesses there, locks nobody out: the bound is for noise and
// guesses, and there is no guessing of 32 random bytes. A request without a token is no guess: the dashboard's first one has none.

import { OtterError } from '#protocol/errors.ts';
import { MAX_UNKNOWN_BOARD_TOKENS_PER_MIN, MAX_WRONG_TOKENS_PER_MIN } from '#protocol/limits.ts';
import { perMinute } from '#server/service/rates.ts';
import { AddressRate } from './address-rate.ts';
import { isLoopback } from './network.ts';

/** Seconds after which an address may try again, at the earliest. */
const WRONG_TOKENS_RETRY_S = 60;

export class WrongTokens {
  readonly #typed: AddressRate;
  readonly #ofBoards: AddressRate;

  /** `clock`: steady milliseconds. */
  constructor(clock: () => number) {
    this.#typed = new AddressRate(perMinute(MAX_WRONG_TOKENS_PER_MIN), clock);
    this.#ofBoards = new AddressRate(perMinute(MAX_UNKNOWN_BOARD_TOKENS_PER_MIN), clock);
  }

  /**
   * What is said of a token that turned out wrong: `error`, or `too_many_requests`. `isOfBoard`: it has the form of a token that a board made
   * for itself. After a server was restored from a backup its whole fleet may come with such tokens, and has to hear that they are not known to enrol again.
   */
  judge(error: OtterError, address: string, { isOfBoard = false } = {}): OtterError {
    const isRoom = isLoopback(address) || (isOfBoard ? this.#ofBoards : this.#typed).take(address);
    return isRoom ? error : tooMany();
  }
}

function tooMany(): OtterError {
  return new OtterError(
    'too_many_requests',
    'too many wrong tokens came from this address within a minute',
    'correct the token, then wait as Retry-After says; a right one is let in at once',
    { retryAfterS: WRONG_TOKENS_RETRY_S },
  );
}
