// Whether silence speaks against a build: boards that were given it fell silent, and did the others too? Pure.

import { OUTAGE_PATIENCE_MS, SILENT_POLLS } from '#protocol/limits.ts';

/** What became of boards that were there when the lost ones were heard of last. */
export interface Heard {
  /** Checked in since then, and missed no check. */
  readonly alive: number;
  /** Did not check in though they were to, or did not for a while. */
  readonly overdue: number;
  /** Are not to check in yet. */
  readonly notDue: number;
}

/** Counted only where more boards fell silent than may. */
export interface Silence {
  /** When half of the boards that are lost, or whose trial ran out, had been heard of last: one that comes later hides no outage. */
  readonly lastHeardAtMs: number;
  /** Boards without the build. */
  readonly without: Heard;
  /** All boards but those that vanished while they installed. */
  readonly all: Heard;
  /** All boards. */
  readonly everyone: Heard;
  /** Share of the boards without the build, of those seen since the stage opened, that are silent now, from 0 to 1. */
  readonly usualShare: number;
}

/** Fewer witnesses than this say nothing of an outage. */
const MIN_WITNESSES = 5;
const OUTAGE_SHARE = 0.2;
const MAX_LOST_PCT = 5;
const SMALL_STAGE = 10;

export type OutageState = 'outage' | 'unclear' | 'none';

/**
 * Where a fifth of the witnesses fell silent in the same time, it is an outage. `unclear`: too few of them were to check in since.
 */
export function outageOf(silence: Silence): OutageState {
  return sayOf(witnessesOf(silence));
}

/**
 * The same of a trial that ran out: for boards with the build say nothing of it, since a build that does not reach the server
 * is silent as well.
 */
export function trialOutageOf({ without }: Silence): OutageState {
  return total(without) < MIN_WITNESSES ? 'none' : sayOf(without);
}

/**
 * The boards without the build. Where fewer than five are, all boards, but those that vanished while they installed; and where those
 * few are less than a fifth of all, these too: there is nobody left whom it would harm to wait.
 */
function witnessesOf({ without, all, everyone }: Silence): Heard {
  const others = total(without);
  if (others >= MIN_WITNESSES) return without;
  return others < OUTAGE_SHARE * total(everyone) ? everyone : all;
}

function sayOf(witnesses: Heard): OutageState {
  const heard = witnesses.alive + witnesses.overdue;
  if (heard < Math.min(MIN_WITNESSES, total(witnesses))) return 'unclear';
  return heard > 0 && witnesses.overdue / heard >= OUTAGE_SHARE ? 'outage' : 'none';
}

/** An outage that lasts longer than people would wait for. */
export function isOutageOver({ lastHeardAtMs }: Silence, nowMs: number): boolean {
  return nowMs - lastHeardAtMs > OUTAGE_PATIENCE_MS;
}

/** The place of the instant that half of so many do not exceed, among them in their order. */
export function medianOf(boards: number): number {
  return Math.floor(boards / 2);
}

/** More than one and more than `maxPct` of those given the build; in a stage of fewer than ten: more than one, or all. */
export function isTooManyLost(lost: number, exposed: number, maxPct = MAX_LOST_PCT): boolean {
  if (exposed < SMALL_STAGE) return lost > 1 || (lost > 0 && lost >= exposed);
  return lost > 1 && (lost / exposed) * 100 > maxPct;
}

/** How many more of the boards that had been healthy are silent than of the boards without the build. */
export function lostBeyondUsual(lostLater: number, healthyEver: number, usualShare: number): number {
  return Math.max(0, Math.floor(lostLater - healthyEver * usualShare));
}

function total({ alive, overdue, notDue }: Heard): number {
  return alive + overdue + notDue;
}

/** A check that is late by a quarter of its interval and a minute has not come. */
export const LATE_FACTOR = 5 / 4;
export const LATE_GRACE_MS = 60_000;

/** When a board was heard of last, and how long it may be silent. */
export interface LastHeard {
  readonly seenAtMs: number;
  readonly limitMs: number;
  /** Of the time since then, in which no server was there. */
  readonly absentMs: number;
  /** When it was heard of again last, after a check had not come; undefined: all came. */
  readonly backAtMs: number | undefined;
}

/** Silent for longer than it may be. */
export function isSilent({ seenAtMs, limitMs, absentMs }: Omit<LastHeard, 'backAtMs'>, nowMs: number): boolean {
  return seenAtMs + limitMs + absentMs < nowMs;
}

/** The check that was to come has not come. */
export function isOverdue({ seenAtMs, limitMs, absentMs }: Omit<LastHeard, 'backAtMs'>, nowMs: number): boolean {
  return seenAtMs + (limitMs / SILENT_POLLS) * LATE_FACTOR + LATE_GRACE_MS + absentMs < nowMs;
}

/**
 * What a board says of an outage since the last of the lost ones was heard of; undefined: it was silent before that. One that is
 * overdue is silent as they are, also where it was heard of a little later than they; and one that was overdue in that time and
 * is back was: after an outage some come back before the others.
 */
function hearingOf(board: LastHeard, lastHeardAtMs: number, nowMs: number): keyof Heard | undefined {
  if (board.backAtMs !== undefined && board.backAtMs > lastHeardAtMs) return 'overdue';
  if (isSilent(board, lastHeardAtMs)) return undefined;
  if (isOverdue(board, nowMs)) return 'overdue';
  return board.seenAtMs >= lastHeardAtMs ? 'alive' : 'notDue';
}

/** A board of the product, as a witness of an outage. */
export interface Witness extends LastHeard {
  /** It was given the build. */
  readonly isExposed: boolean;
  /** It is lost, and had not confirmed the build. */
  readonly hasVanished: boolean;
}

/** The silence of these boards, counted one by one; SQL counts the same for a server (`db/rollouts/silence-counts.ts`). */
export function silenceOf(
  boards: Iterable<Witness>,
  { lastHeardAtMs, stageOpenedAtMs }: { readonly lastHeardAtMs: number; readonly stageOpenedAtMs: number },
  nowMs: number,
): Silence {
  const without = { alive: 0, overdue: 0, notDue: 0 };
  const all = { alive: 0, overdue: 0, notDue: 0 };
  const everyone = { alive: 0, overdue: 0, notDue: 0 };
  let seen = 0;
  let silent = 0;
  for (const board of boards) {
    const hearing = hearingOf(board, lastHeardAtMs, nowMs);
    if (hearing !== undefined && !board.isExposed) without[hearing] += 1;
    if (hearing !== undefined && !board.hasVanished) all[hearing] += 1;
    if (hearing !== undefined) everyone[hearing] += 1;
    if (board.isExposed || board.seenAtMs < stageOpenedAtMs) continue;
    seen += 1;
    silent += Number(isSilent(board, nowMs));
  }
  return { lastHeardAtMs, without, all, everyone, usualShare: seen === 0 ? 0 : silent / seen };
}

/**
 * Whether the gate waits for a board that was given the build and is undecided: always, but for one that sleeps longer than
 * the soak: for it at most its soak and one of its gaps after it confirmed, or got the build.
 */
export function isWaitedFor(
  board: { readonly exposedAtMs: number; readonly confirmedAtMs: number | undefined; readonly limitMs: number },
  soakMs: number,
  nowMs: number,
): boolean {
  if (!(board.limitMs > sleeperLimitMs(soakMs))) return true;
  return nowMs - (board.confirmedAtMs ?? board.exposedAtMs) <= soakMs + board.limitMs / SILENT_POLLS;
}

/** A board with a longer silence limit than this sleeps: it checks in less often than once in a soak. */
export function sleeperLimitMs(soakMs: number): number {
  return soakMs > 0 ? SILENT_POLLS * soakMs : Number.POSITIVE_INFINITY;
}
