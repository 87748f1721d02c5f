// So many of something at a time: in all, and of each that is named. Whoever finds none free is refused at once, and nobody waits in line.

export interface PlacesOptions {
  readonly most: number;
  /** As many as in all, if not said. */
  readonly mostOfEach?: number;
}

export class Places {
  readonly #most: number;
  readonly #mostOfEach: number;
  readonly #counts = new Map<string, number>();
  #taken = 0;

  constructor({ most, mostOfEach = most }: PlacesOptions) {
    this.#most = most;
    this.#mostOfEach = mostOfEach;
  }

  /** What gives the place back, to be called once; or why there is none. `whose` undefined: counts in all alone. */
  take(whose: string | undefined): (() => void) | 'all_taken' | 'own_taken' {
    const own = whose === undefined ? 0 : (this.#counts.get(whose) ?? 0);
    if (own >= this.#mostOfEach) return 'own_taken';
    if (this.#taken >= this.#most) return 'all_taken';
    this.#taken += 1;
    if (whose !== undefined) this.#counts.set(whose, own + 1);
    return () => this.#giveBack(whose);
  }

  #giveBack(whose: string | undefined): void {
    this.#taken -= 1;
    if (whose === undefined) return;
    const left = (this.#counts.get(whose) ?? 1) - 1;
    // Never more entries than places that are taken.
    if (left === 0) this.#counts.delete(whose);
    else this.#counts.set(whose, left);
  }
}
