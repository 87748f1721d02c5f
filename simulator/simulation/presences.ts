// When each board of a simulation was heard of, and after how long it is silent. A board that asks again and again and is told
// the same sleeps in a simulation: its checks are worked out, not made.

import { MAX_CHECK_GAPS, POLL_REST, SILENT_POLLS } from '#protocol/limits.ts';
import { type CheckInShows, observe, type Presence, presenceAfter } from '#engine/outcome/presence.ts';
import type { LastHeard } from '#engine/stage/silence.ts';

export interface CheckInSays {
  readonly bootReason: string | undefined;
  readonly uptimeS: number | undefined;
  readonly nextCheckS?: number | undefined;
}

export class Presences {
  readonly #pollIntervalS: number;
  readonly #presences: (Presence | undefined)[];
  readonly #asleepSeenAtMs: (device: number, nowMs: number) => number | undefined;

  /** `asleepSeenAtMs`: the last check of a board that sleeps; undefined: it does not sleep. */
  constructor(
    pollIntervalS: number,
    before: readonly (Presence | undefined)[],
    asleepSeenAtMs: (device: number, nowMs: number) => number | undefined,
  ) {
    this.#pollIntervalS = pollIntervalS;
    this.#presences = [...before];
    this.#asleepSeenAtMs = asleepSeenAtMs;
  }

  observe(device: number, says: CheckInSays, nowMs: number): CheckInShows {
    return observe(this.#presences[device], says, nowMs);
  }

  note(
    device: number,
    says: CheckInSays,
    shows: CheckInShows,
    told: { readonly intervalS: number; readonly isOffer: boolean },
    nowMs: number,
  ): void {
    const { uptimeS, nextCheckS } = says;
    this.#presences[device] = presenceAfter(shows, { uptimeS, nextCheckS }, told, this.#defaultIntervalS, nowMs);
  }

  /** The board slept until this check, which it made as all those before, `gapS` apart. */
  wake(device: number, seenAtMs: number, gapS: number): void {
    const before = this.#presences[device];
    if (before === undefined || !(seenAtMs > before.seenAtMs)) return;
    const uptimeS = before.uptimeS === undefined ? undefined : before.uptimeS + (seenAtMs - before.seenAtMs) / 1000;
    const gaps = Array.from({ length: MAX_CHECK_GAPS }, () => Math.round(gapS));
    this.#presences[device] = {
      ...before,
      seenAtMs,
      gaps,
      ...(before.bootCause === 'deep_sleep' ? {} : { uptimeS }),
    };
  }

  /** Undefined: it never checked in. */
  heardOf(device: number, nowMs: number): LastHeard | undefined {
    const presence = this.#presences[device];
    if (presence === undefined) return undefined;
    const limitMs = (presence.limitS ?? SILENT_POLLS * this.#defaultIntervalS) * 1000;
    return { seenAtMs: this.#asleepSeenAtMs(device, nowMs) ?? presence.seenAtMs, limitMs, absentMs: 0 };
  }

  bootCauseOf(device: number): string | undefined {
    return this.#presences[device]?.bootCause;
  }

  get #defaultIntervalS(): number {
    return POLL_REST * this.#pollIntervalS;
  }
}
