// How long a board waits: between polls, after an error, before the first check-in of a new image. Every wait is drawn at
// random so that a fleet that lost its server does not come back all at once. It never reads a clock.

import { setTimeout as delay } from 'node:timers/promises';
import { FIRST_BACK_OFF_MS, LAST_BACK_OFF_MS } from '#protocol/limits.ts';
import type { Random } from '#simulator/random.ts';

/** `pollIntervalS` replaces the server's interval; `scale` shortens the board's own waits (1: as a real board). */
export interface Pace {
  readonly pollIntervalS: number | undefined;
  readonly scale: number;
}

export const REAL_TIME: Pace = { pollIntervalS: undefined, scale: 1 };

/** Longest Retry-After that a board obeys. */
const LAST_RETRY_AFTER_S = 86_400;

/** The server's poll interval times U(0.9, 1.1), in ms. */
export function pollWaitMs(serverIntervalS: number, pace: Pace, random: Random): number {
  return (pace.pollIntervalS ?? serverIntervalS) * 1000 * random.between(0.9, 1.1);
}

/** Before the first check-in after power-on: U(5, 120) s, and not longer than a poll of the shortened pace. */
export function bootWaitMs(pace: Pace, random: Random): number {
  const waitMs = random.between(5, 120) * 1000 * pace.scale;
  return pace.pollIntervalS === undefined ? waitMs : Math.min(waitMs, random.between(0, pace.pollIntervalS * 1000));
}

/** Before the first check-in of an image on trial: U(2, 10) s, short because an unconfirmed image is at risk. */
export function trialWaitMs(pace: Pace, random: Random): number {
  return random.between(2, 10) * 1000 * pace.scale;
}

/** Between the last byte and the reboot (seal, read back, select): U(1, 3) s. */
export function installWaitMs(pace: Pace, random: Random): number {
  return random.between(1, 3) * 1000 * pace.scale;
}

/** U(0.5, 1) times min(6 h, 60 s * 2^n), n failures in a row before this one. */
export function backOffMs(failuresBefore: number, pace: Pace, random: Random): number {
  return Math.min(LAST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** failuresBefore) * random.between(0.5, 1) * pace.scale;
}

/** The server's Retry-After times U(1, 1.25), at most a day. It is the server's clock: `scale` does not shorten it. */
export function retryAfterMs(retryAfterS: number, random: Random): number {
  return Math.min(LAST_RETRY_AFTER_S, retryAfterS * random.between(1, 1.25)) * 1000;
}

/** Waits; rejects with an AbortError when the board is switched off meanwhile. */
export async function sleep(waitMs: number, signal: AbortSignal): Promise<void> {
  await delay(waitMs, undefined, { signal });
}
