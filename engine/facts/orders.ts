// Orders: what an operator asked of one board. A build that is cancelled is not offered to it any more, and where the board runs it
// already it may be sent back; a board that is offered now does not wait for windows and pace. Pure.

import { OFFER_NOW_MS } from '#protocol/limits.ts';

export interface Cancelled {
  readonly firmwareId: number;
  /** In the operator's words. */
  readonly reason: string;
  /** A board that runs it leaves it. */
  readonly goesBack: boolean;
  /** Where it goes if that is still a stable build: what it ran before. Undefined: to the stable build before. */
  readonly backToId: number | undefined;
}

/** Whether this board is to leave the build that it runs, whatever others do with it. */
export function isSentBack(
  cancelled: Cancelled | undefined,
  running: { readonly id: number } | undefined,
): cancelled is Cancelled {
  return cancelled?.goesBack === true && running?.id === cancelled.firmwareId;
}

/** An order to offer now ends with the first update that ends after it, or after a day. */
export function isOfferedNow(
  orderedAtMs: number | undefined,
  lastEndedAtMs: number | undefined,
  nowMs: number,
): boolean {
  if (orderedAtMs === undefined || !(nowMs < orderedAtMs + OFFER_NOW_MS)) return false;
  return lastEndedAtMs === undefined || lastEndedAtMs <= orderedAtMs;
}
