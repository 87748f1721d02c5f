// The disruption budget: at most so many boards of one value of a label key (`site=berlin`) are in the middle of an update at a time,
// whichever rollouts they follow. A board that is lost after one counts as well: its place is down already. Pure.

export interface Budget {
  /** Of labels such as `site=berlin` it is `site`. */
  readonly key: string;
  /** One of the two is there. */
  readonly maxDevices: number | undefined;
  readonly maxPct: number | undefined;
}

/** What is counted of one value, only where nothing else stands in the way. */
export interface BudgetUse {
  /** All boards with the label. */
  readonly devices: number;
  /** Those of them, without this one, that are in the middle of an update, or lost. */
  readonly disrupted: number;
}

/** A budget that applies to a board. */
export interface BudgetOfDevice {
  readonly label: string;
  readonly budget: Budget;
  readonly use: BudgetUse | undefined;
}

/** The key of a label; undefined: it is a plain name. */
export function keyOfLabel(label: string): string | undefined {
  const at = label.indexOf('=');
  return at === -1 ? undefined : label.slice(0, at);
}

/** How many boards of a value may be at it; a share is rounded down, but one may always. */
export function allowedOf({ maxDevices, maxPct }: Budget, devices: number): number {
  if (maxDevices !== undefined) return maxDevices;
  return Math.max(1, Math.floor((devices * (maxPct ?? 0)) / 100));
}

/** What is not counted is used up. */
export function isUsedUp({ budget, use }: BudgetOfDevice): boolean {
  return use === undefined || !(use.disrupted < allowedOf(budget, use.devices));
}
