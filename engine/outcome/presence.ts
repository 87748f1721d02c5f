// What is kept of the last check of a board, and what the next one shows against it: whether it restarted, its rhythm, and after
// how long it is silent. Pure; instants are UTC milliseconds.

import { bootCauseOf, contradicts, type Restart, restartBetween } from './restart.ts';
import { isOverdue } from '#engine/stage/silence.ts';
import { addGap, expectedIntervalS, isFlapping, silenceLimitS } from './rhythm.ts';

export interface Presence {
  readonly seenAtMs: number;
  readonly uptimeS: number | undefined;
  readonly bootCause: string | undefined;
  /** Seconds after which it can be expected to check in again. */
  readonly intervalS: number | undefined;
  /** Seconds between its last checks, the latest first. */
  readonly gaps: readonly number[];
  /** Undefined: it was not seen since limits are kept, and the last check says nothing of causes. */
  readonly limitS: number | undefined;
  /** When it was heard of again last, after a check had not come. */
  readonly backAtMs: number | undefined;
}

export interface CheckInShows {
  readonly restart: Restart;
  /** The check before cannot be of the same board. */
  readonly contradicts: boolean;
  readonly bootCause: string | undefined;
  readonly gaps: readonly number[];
  readonly backAtMs: number | undefined;
  /** When the check before was; undefined: this is the first. */
  readonly seenBeforeMs: number | undefined;
}

/** `absentMs` of the time since the check before, no server answered. */
export function observe(
  before: Presence | undefined,
  checkIn: { readonly bootReason: string | undefined; readonly uptimeS: number | undefined },
  nowMs: number,
  absentMs = 0,
): CheckInShows {
  const bootCause = bootCauseOf(checkIn.bootReason);
  const now = { atMs: nowMs, uptimeS: checkIn.uptimeS, bootCause };
  const known = before?.limitS === undefined ? undefined : { ...before, atMs: before.seenAtMs };
  return {
    restart: restartBetween(known, now),
    contradicts: contradicts(known, now),
    bootCause,
    gaps: before === undefined ? [] : addGap(before.gaps, (nowMs - before.seenAtMs) / 1000, absentMs),
    backAtMs: before !== undefined && wasOverdue(before, absentMs, nowMs) ? nowMs : before?.backAtMs,
    seenBeforeMs: before?.seenAtMs,
  };
}

function wasOverdue({ seenAtMs, limitS }: Presence, absentMs: number, nowMs: number): boolean {
  return limitS !== undefined && isOverdue({ seenAtMs, limitMs: limitS * 1000, absentMs }, nowMs);
}

/** What is kept once the check is answered. */
export function presenceAfter(
  { bootCause, gaps, backAtMs }: Pick<CheckInShows, 'bootCause' | 'gaps' | 'backAtMs'>,
  checkIn: { readonly uptimeS: number | undefined; readonly nextCheckS: number | undefined },
  told: { readonly intervalS: number; readonly isOffer: boolean },
  defaultIntervalS: number,
  nowMs: number,
): Presence & { readonly limitS: number; readonly intervalS: number; readonly isFlapping: boolean } {
  const { uptimeS, nextCheckS } = checkIn;
  const intervalS = Math.max(expectedIntervalS(told, defaultIntervalS), nextCheckS ?? 0);
  return {
    seenAtMs: nowMs,
    uptimeS,
    bootCause,
    intervalS,
    gaps,
    backAtMs,
    limitS: silenceLimitS({ intervalS, gaps, nextCheckS }, defaultIntervalS),
    isFlapping: isFlapping({ intervalS, gaps }, defaultIntervalS),
  };
}
