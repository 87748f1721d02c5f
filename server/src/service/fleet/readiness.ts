// Whether this server can do its work now. Each check proves one thing (a row and a file can be written, images are where they
// belong); what depends on them says the same words: /readyz, and the warnings of `otter status`.

import type { Logger } from 'pino';
import { OtterError } from '#protocol/errors.ts';
import { PROOF_DEADLINE_MS, PROOF_INTERVAL_MS } from '#protocol/limits.ts';

/**
 * Resolves with the problem, or undefined. A rejection is a problem too. Message and hint may be public: they tell no secret,
 * and no path. It may write, but waits for no disk where it can be helped.
 */
type ReadinessCheck = () => Promise<OtterError | undefined>;

export interface ReadinessOptions {
  /** By what they prove, in the order in which they are told. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly log: Logger;
  /** Milliseconds that nobody sets. */
  readonly steadyClock: () => number;
}

interface Proof {
  readonly atMs: number;
  readonly problems: Promise<readonly OtterError[]>;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  #latest: Proof | undefined;
  #logged = '';

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** However often it is asked, the proof is made once a second at most, and one at a time. */
  async problems(): Promise<readonly OtterError[]> {
    const nowMs = this.#options.steadyClock();
    if (this.#latest === undefined || nowMs - this.#latest.atMs >= PROOF_INTERVAL_MS)
      this.#latest = { atMs: nowMs, problems: this.#prove() };
    return this.#latest.problems;
  }

  async #prove(): Promise<readonly OtterError[]> {
    const checks = Object.entries(this.#options.checks);
    const found = await Promise.all(checks.map(async ([name, check]) => outcomeOf(name, check)));
    // What keeps one from its work often keeps another from it too.
    const problems = [...new Map(found.flatMap((one) => (one === undefined ? [] : [[one.message, one]]))).values()];
    this.#tell(problems);
    return problems;
  }

  /** In the log each change stands once, with its cause, which the answer keeps to itself. */
  #tell(problems: readonly OtterError[]): void {
    const text = problems.map(({ code, message }) => `${code}: ${message}`).join('; ');
    if (text === this.#logged) return;
    this.#logged = text;
    const { log } = this.#options;
    if (text === '') log.info('ready again');
    for (const { message, code, hint, cause } of problems)
      log.error({ code, hint, err: cause }, `not ready: ${message}`);
  }
}

async function outcomeOf(name: string, check: ReadinessCheck): Promise<OtterError | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<OtterError>((resolve) => {
    timer = setTimeout(
      () => resolve(broken(`${name}: no answer for ${PROOF_DEADLINE_MS / 1000} s`)),
      PROOF_DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([check(), deadline]);
  } catch (error) {
    return error instanceof OtterError ? error : broken(`${name}: the check failed`, error);
  } finally {
    clearTimeout(timer);
  }
}

function broken(message: string, cause?: unknown): OtterError {
  return new OtterError('unavailable', message, 'look into the log of the server', { retryAfterS: 5, cause });
}
