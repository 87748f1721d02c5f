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

/** The last check of a board that sleeps, and when it was back after one that did not come. */
export interface Asleep {
  readonly seenAtMs: number;
  readonly backAtMs: number | undefined;
  /** Between its checks. */
  readonly gapS: number;
}

/** Undefined: the board does not sleep. */
export type AskAsleep = (device: number, nowMs: number) => Asleep | undefined;

export class Presences {
  readonly #pollIntervalS: number;
  readonly #presences: (Presence | undefined)[];
  readonly #asleep: AskAsleep;

  constructor(pollIntervalS: number, before: readonly (Presence | undefined)[], asleep: AskAsleep) {
    this.#pollIntervalS = pollIntervalS;
    this.#presences = [...before];
    this.#asleep = asleep;
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

  /** The board slept until now. */
  wake(device: number, nowMs: number): void {
    const before = this.#presences[device];
    const asleep = this.#asleep(device, nowMs);
    if (before === undefined || asleep === undefined || !(asleep.seenAtMs > before.seenAtMs)) return;
    const { seenAtMs, backAtMs, gapS } = asleep;
    const uptimeS = before.uptimeS === undefined ? undefined : before.uptimeS + (seenAtMs - before.seenAtMs) / 1000;
    this.#presences[device] = {
      ...before,
      seenAtMs,
      gaps: Array.from({ length: MAX_CHECK_GAPS }, () => Math.round(gapS)),
      backAtMs: backAtMs ?? before.backAtMs,
      ...(before.bootCause === 'deep_sleep' ? {} : { uptimeS }),
    };
  }

  /** Undefined: it never checked in. */
  heardOf(device: number, nowMs: number): LastHeard | undefined {
    const presence = this.#presences[device];
    if (presence === undefined) return undefined;
    const limitMs = (presence.limitS ?? SILENT_POLLS * this.#defaultIntervalS) * 1000;
    const { seenAtMs, backAtMs } = this.#asleep(device, nowMs) ?? presence;
    return { seenAtMs, limitMs, absentMs: 0, backAtMs: backAtMs ?? presence.backAtMs };
  }

  /** What the board was told; undefined: nothing is known of it. */
  intervalOf(device: number): number | undefined {
    return this.#presences[device]?.intervalS;
  }

  bootCauseOf(device: number): string | undefined {
    return this.#presences[device]?.bootCause;
  }

  get #defaultIntervalS(): number {
    return POLL_REST * this.#pollIntervalS;
  }
}
