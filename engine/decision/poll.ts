// How soon a device should ask again: sooner where an open stage waits for it, later where nothing is due. Pure.

import { POLL_HASTE, POLL_REST } from '#protocol/limits.ts';
import type { Decision } from './decide.ts';
import type { Reason } from './rules.ts';

/** Holds that end soon and without a word to the device. */
const WAITED_FOR: ReadonlySet<Reason> = new Set(['trial_running', 'in_flight_limit', 'offers_per_minute']);

/** Holds that only a new rollout can end. */
const AT_REST: ReadonlySet<Reason> = new Set(['up_to_date', 'nothing_to_offer', 'newer_than_target']);

export interface PollCase {
  /** The configured interval, with jitter. */
  readonly intervalS: number;
  /** So much later than a window opens, so that not every device comes at once. */
  readonly spreadS: number;
  /** Of the product of the device. */
  readonly hasOpenRollout: boolean;
  readonly nowMs: number;
  /** The board runs a build that it has confirmed, and has to run it for so long before it is healthy; undefined: it does not soak. */
  readonly soakMs: number | undefined;
}

/** A board that soaks is heard so many times in it. */
const SOAK_POLLS = 4;

/** In seconds, before the limits of the wire. */
export function pollIntervalS(decision: Decision, at: PollCase): number {
  const intervalS = intervalOf(decision, at);
  return at.soakMs === undefined ? intervalS : Math.min(intervalS, at.soakMs / 1000 / SOAK_POLLS);
}

function intervalOf(decision: Decision, at: PollCase): number {
  if (decision.outcome !== 'hold' || WAITED_FOR.has(decision.reason)) return at.intervalS / POLL_HASTE;
  if (decision.nextOfferAtMs !== undefined) {
    const waitS = Math.ceil((decision.nextOfferAtMs - at.nowMs) / 1000);
    return Math.min(at.intervalS, decision.reason === 'window_closed' ? waitS + at.spreadS : waitS);
  }
  return !at.hasOpenRollout && AT_REST.has(decision.reason) ? at.intervalS * POLL_REST : at.intervalS;
}
