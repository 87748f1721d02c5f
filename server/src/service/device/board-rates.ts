// At most so many requests with one device token, and so many changes for one board by the fleet token, however many somebody sends in its name.
// They are counted apart, so that who has the fleet token cannot use up what a board has. A check-in by the fleet token that changes nothing
// writes nothing, and is not counted: a whole fleet has that token.

import type { DeviceName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_BOARD_CHANGES_PER_MIN, MAX_BOARD_REQUESTS_PER_MIN } from '#protocol/limits.ts';
import { perMinute, Rates } from '#server/service/rates.ts';

/** Seconds after which a board may come back, at the earliest. */
const NOISY_RETRY_S = 60;

export class BoardRates {
  readonly #requests: Rates;
  readonly #changes: Rates;

  /** `clock`: steady milliseconds. */
  constructor(clock: () => number) {
    this.#requests = new Rates(perMinute(MAX_BOARD_REQUESTS_PER_MIN), clock);
    this.#changes = new Rates(perMinute(MAX_BOARD_CHANGES_PER_MIN), clock);
  }

  /** Counts a request with a device token. Throws `too_many_requests`. */
  takeRequest(tokenSha256: string): void {
    if (!this.#requests.take(tokenSha256))
      throw tooMany(`${MAX_BOARD_REQUESTS_PER_MIN} requests a minute came with this token`);
  }

  /** Counts a change. Throws `too_many_requests`. */
  takeChange({ name, speaker }: { readonly name: DeviceName; readonly speaker: { readonly kind: string } }): void {
    // It speaks for one board, and its request was counted.
    if (speaker.kind === 'device_token') return;
    if (!this.#changes.take(name.text))
      throw tooMany(`${MAX_BOARD_CHANGES_PER_MIN} changes a minute came for this board`);
  }
}

function tooMany(what: string): OtterError {
  return new OtterError(
    'too_many_requests',
    `more than ${what}`,
    'wait as Retry-After says; a board asks once in its interval',
    { retryAfterS: NOISY_RETRY_S },
  );
}
