// Places for what takes long to send. Whoever finds all of them taken is told to come later, and nobody waits in line.

import { OtterError } from '#protocol/errors.ts';
import { Places, type PlacesOptions } from '#server/http/front/places.ts';

/** Seconds after which one that finds every place taken may come back, at the earliest. */
const BUSY_RETRY_S = 30;

export class TransferPlaces {
  readonly #places: Places;
  readonly #name: string;

  /** `name`: what has these places, for whoever is refused. */
  constructor(name: string, options: PlacesOptions) {
    this.#places = new Places(options);
    this.#name = name;
  }

  /** Returns what gives the place back, to be called once. Throws `busy`, and `too_many_downloads` where `whose` has all that it may have. */
  take(whose: string | undefined): () => void {
    const taken = this.#places.take(whose);
    switch (taken) {
      case 'all_taken':
        throw new OtterError('busy', `all places for ${this.#name} are taken`, 'try again later', {
          retryAfterS: BUSY_RETRY_S,
        });
      case 'own_taken':
        throw new OtterError(
          'too_many_downloads',
          `this board has as many ${this.#name} under way as it may have`,
          'wait as Retry-After says; one that broke off counts until the server notices it',
          { retryAfterS: BUSY_RETRY_S },
        );
      default:
        return taken;
    }
  }
}
