// How long is waited on a line: one that is gone without a word, as that of a router which was switched off, ends no request by itself.

/** Ends what is waited for when nothing was heard for a time, or when `others` says so. */
export class Patience {
  readonly #controller = new AbortController();
  readonly #forMs: number;
  #timer: number | undefined;

  constructor(forMs: number, others?: AbortSignal | null) {
    this.#forMs = forMs;
    others?.addEventListener('abort', () => this.#controller.abort(others.reason), { signal: this.signal });
    if (others?.aborted === true) this.#controller.abort(others.reason);
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the time begins anew. */
  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#controller.abort(), this.#forMs);
  }

  /** Nothing is waited for any more. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
