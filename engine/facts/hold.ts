// A hold: an operator keeps one board, or all boards of a product, as they are for a while. It holds the way forward; the way back
// from a build that was taken back stays open, unless the operator said otherwise. Pure.

export interface Hold {
  /** In the operator's words. */
  readonly reason: string;
  /** Undefined: until somebody ends it. */
  readonly untilMs: number | undefined;
  /** It keeps a board on a build that was taken back as well. */
  readonly holdsWayBack: boolean;
}

/** Whether it keeps a board from going this way now. An end that nobody can read never comes. */
export function isHolding(hold: Hold | undefined, isWayBack: boolean, nowMs: number): boolean {
  if (hold === undefined || (isWayBack && !hold.holdsWayBack)) return false;
  return hold.untilMs === undefined || !(hold.untilMs <= nowMs);
}

/** For questions about a time in which everything that passes has passed: a hold has not, it was put there on purpose. */
export function withoutEnd(hold: Hold | undefined): Hold | undefined {
  return hold && { ...hold, untilMs: undefined };
}
