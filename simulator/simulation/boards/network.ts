// When boards of a simulation can be heard: the network of their site, and the checks of a board that is left to sleep because it
// would be told the same again and again. Those are worked out, not made.

import { SILENT_POLLS } from '#protocol/limits.ts';
import { isOverdue } from '#engine/stage/silence.ts';
import { type Board, diesAtMs } from './board.ts';
import type { Surroundings } from './fate.ts';
import type { Asleep } from '#simulator/simulation/server/presences.ts';

/** Between two checks: what it was told, or for how long it sleeps. */
export function gapOf(board: Board): number {
  return board.isCrashing ? board.intervalS : Math.max(board.sleepS ?? 0, board.intervalS);
}

export class Network {
  readonly #outage: { readonly fromMs: number; readonly toMs: number } | undefined;

  constructor({ outage }: Surroundings) {
    if (outage !== undefined)
      this.#outage = { fromMs: outage.startS * 1000, toMs: (outage.startS + outage.lengthS) * 1000 };
  }

  isOnline({ isOnSite }: Pick<Board, 'isOnSite'>, nowMs: number): boolean {
    return !isOnSite || this.#outage === undefined || nowMs < this.#outage.fromMs || nowMs >= this.#outage.toMs;
  }

  onlineAgainMs(nowMs: number): number {
    return Math.max(nowMs, this.#outage?.toMs ?? nowMs);
  }

  /** What a board that is left to sleep would have been heard of until now. */
  asleep(board: Board, nowMs: number): Asleep {
    const seenAtMs = this.#lastPollMs(board, nowMs);
    return { seenAtMs, backAtMs: this.#backAtMs(board, seenAtMs), gapS: gapOf(board) };
  }

  /** Of a board that sleeps: it asks on and on, but not while its site is without network, and not when it is dead. */
  #lastPollMs(board: Board, nowMs: number): number {
    const { seenAtMs } = board;
    const gapMs = gapOf(board) * 1000;
    const untilMs = Math.min(nowMs, diesAtMs(board));
    const pollBefore = (atMs: number): number => seenAtMs + Math.max(0, Math.floor((atMs - seenAtMs) / gapMs)) * gapMs;
    const lastMs = pollBefore(untilMs);
    if (this.isOnline(board, lastMs)) return lastMs;
    return pollBefore((this.#outage?.fromMs ?? lastMs) - 1);
  }

  /** After an outage in which it slept, where a check did not come. */
  #backAtMs(board: Board, lastMs: number): number | undefined {
    const { seenAtMs, isOnSite } = board;
    if (this.#outage === undefined || !isOnSite) return undefined;
    const { fromMs, toMs } = this.#outage;
    if (seenAtMs >= fromMs || lastMs < toMs) return undefined;
    const gapMs = gapOf(board) * 1000;
    const beforeMs = this.#lastPollMs(board, fromMs);
    const backMs = seenAtMs + Math.ceil((toMs - seenAtMs) / gapMs) * gapMs;
    const heard = { seenAtMs: beforeMs, limitMs: SILENT_POLLS * gapMs, absentMs: 0 };
    return isOverdue(heard, backMs) ? backMs : undefined;
  }

  /** The check that it makes next; undefined: it is dead by then. */
  nextPollMs(board: Board, nowMs: number): number | undefined {
    const gapMs = gapOf(board) * 1000;
    const nextMs = board.seenAtMs + (Math.floor((nowMs - board.seenAtMs) / gapMs) + 1) * gapMs;
    const atMs = Math.min(nextMs, Math.max(nowMs, board.faultAtMs));
    return atMs >= diesAtMs(board) ? undefined : atMs;
  }
}
