// What is kept of a board beside the state of its assignment, so that it is watched after the moment that seemed the last:
// when it was given the build, confirmed it, was found healthy, crashed, fell silent, moved on. Pure: each function returns the
// next marks, the same ones where nothing changed.

import { causeOfEnd, faultOf, type Progress } from '#engine/assignment/assignment.ts';
import { isNotNow } from '#engine/assignment/weight.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { NOT_COUNTED } from '#protocol/admin/states.ts';
import type { ReportStatus } from '#protocol/device/api.ts';
import type { Fault } from '#protocol/device/errors.ts';
import { CRASH_MEMORY_MS } from '#protocol/limits.ts';

export interface Watch {
  /** What the board ran when it was offered the build. */
  readonly fromVersion: string;
  readonly exposedAtMs: number | undefined;
  readonly confirmedAtMs: number | undefined;
  readonly healthyAtMs: number | undefined;
  readonly crashedAtMs: number | undefined;
  /** Restarts by a fault of the firmware since it confirmed. */
  readonly crashes: number;
  /** It names a fault of the firmware as its reset reason, and cannot say how often. */
  readonly isSuspect: boolean;
  readonly lostAtMs: number | undefined;
  readonly movedOnAtMs: number | undefined;
  /** Whose fault the failure was that says most of the build, of this assignment or one before it. */
  readonly fault: Fault | undefined;
  /** That failure came after the board had taken the build. */
  readonly hasLeft: boolean;
  /** That failure is a trial that ran out, on a board that had the build since then. */
  readonly ranOutSinceMs: number | undefined;
  /** Somebody has seen that failure and let the rollout go on. */
  readonly isAcknowledged: boolean;
  /** Why the board is not counted; undefined: it is. */
  readonly notCounted: NotCounted | undefined;
  /** The assignment is of a required version on the way to that of the rollout. */
  readonly isOnTheWay: boolean;
}

/** `not_taken`: it runs the build, but neither fetched it here nor reported of it. */
export type NotCounted = (typeof NOT_COUNTED)[number];

/** The marks of a new assignment: a failure of an assignment before it speaks until this one is confirmed. */
export function startWatch(
  start: Pick<Watch, 'fromVersion' | 'notCounted' | 'isOnTheWay'>,
  before: Pick<Watch, 'fault' | 'hasLeft' | 'ranOutSinceMs' | 'isAcknowledged'> | undefined,
): Watch {
  return {
    ...start,
    exposedAtMs: undefined,
    confirmedAtMs: undefined,
    healthyAtMs: undefined,
    crashedAtMs: undefined,
    crashes: 0,
    isSuspect: false,
    lostAtMs: undefined,
    movedOnAtMs: undefined,
    fault: before?.fault,
    hasLeft: before?.hasLeft ?? false,
    ranOutSinceMs: before?.ranOutSinceMs,
    isAcknowledged: before?.isAcknowledged ?? false,
  };
}

/** After its assignment went from one progress to the next, by a report or by what it was seen running. */
export function watchProgress(
  watch: Watch,
  move: {
    readonly before: Progress;
    readonly after: Progress;
    readonly downloads: number;
    /** What the board reported: one that comes late says all the same that the board was given the build. */
    readonly said?: ReportStatus;
  },
  nowMs: number,
): Watch {
  const { before, after, said } = move;
  const isGiven = GIVEN.has(after.state) || after.ranBuild || (said !== undefined && GIVEN.has(said));
  const exposedAtMs = watch.exposedAtMs ?? (isGiven ? nowMs : undefined);
  const taken = { ...watch, exposedAtMs, notCounted: watch.notCounted ?? notTaken(move) };
  if (after.state === 'confirmed' && before.state !== 'confirmed')
    return {
      ...taken,
      confirmedAtMs: nowMs,
      fault: undefined,
      hasLeft: false,
      ranOutSinceMs: undefined,
      isAcknowledged: false,
    };
  if (!ENDED_BADLY.has(after.state)) return isSame(taken, watch) ? watch : taken;
  const cause = causeOfEnd(after);
  const fault = after.excused ? 'server' : faultOf(cause);
  const hasLeft = exposedAtMs !== undefined && !after.excused && !isNotNow(cause);
  // What the build did before is not taken back by an assignment that did not get as far.
  const isNew = after.state !== before.state;
  if (isNew && speaksAgainst(watch) && !speaksAgainst({ fault, hasLeft })) return { ...taken, lostAtMs: undefined };
  const ranOut = cause === 'trial_timeout' && fault === 'firmware' && !(isNew && isProven(watch));
  const ranOutSinceMs = ranOut ? (exposedAtMs ?? nowMs) : undefined;
  const isKnown = fault === watch.fault && hasLeft === watch.hasLeft && ranOutSinceMs === watch.ranOutSinceMs;
  if (!isNew && isKnown) return isSame(taken, watch) ? watch : taken;
  const isAcknowledged = !isNew && watch.isAcknowledged;
  return { ...taken, fault, hasLeft, ranOutSinceMs, lostAtMs: undefined, isAcknowledged };
}

/** The failure is one of the build: the firmware failed, or the board left it after it had taken it. */
export function speaksAgainst({ fault, hasLeft }: Pick<Watch, 'fault' | 'hasLeft'>): boolean {
  return hasLeft || fault === 'firmware';
}

/** It failed already in a way that no outage explains. */
function isProven(watch: Watch): boolean {
  return speaksAgainst(watch) && watch.ranOutSinceMs === undefined;
}

/** What a check-in shows of a board that has confirmed the build and runs it. */
export interface Seen {
  readonly crashed: boolean;
  readonly isSuspect: boolean;
  /** How long it has to run before it is healthy. */
  readonly soakMs: number;
  /** Crashes within an hour before the offer; undefined: nobody measured them. */
  readonly usualCrashesPerHour: number | undefined;
}

export function watchSeen(watch: Watch, seen: Seen, nowMs: number): Watch {
  const { confirmedAtMs } = watch;
  const back = watch.lostAtMs === undefined ? watch : { ...watch, lostAtMs: undefined };
  if (confirmedAtMs === undefined) return back;
  const suspected = back.isSuspect === seen.isSuspect ? back : { ...back, isSuspect: seen.isSuspect };
  const counted = seen.crashed ? withCrash(suspected, confirmedAtMs, seen, nowMs) : suspected;
  return isHealthyNow(counted, confirmedAtMs, seen, nowMs) ? { ...counted, healthyAtMs: nowMs } : counted;
}

/** States in which a board that was given the build can be lost: it has it, and nothing is known of how it ended. */
export const LOSABLE_STATES = [
  'installing',
  'trial',
  'timed_out',
  'confirmed',
] as const satisfies readonly AssignmentState[];
const LOSABLE: ReadonlySet<AssignmentState> = new Set(LOSABLE_STATES);

/** Whether silence beyond the limit of the board makes it lost: it was given the build, did not move on, and is not lost yet. */
export function canBeLost(watch: Watch, state: AssignmentState): boolean {
  const { exposedAtMs, lostAtMs, movedOnAtMs } = watch;
  return exposedAtMs !== undefined && lostAtMs === undefined && movedOnAtMs === undefined && LOSABLE.has(state);
}

/** When a board was heard of last: a report is a sign of life as a check-in is. Its silence is measured from then. */
export function lastSignMs({ exposedAtMs, confirmedAtMs }: Watch, seenAtMs: number): number {
  return Math.max(seenAtMs, exposedAtMs ?? seenAtMs, confirmedAtMs ?? seenAtMs);
}

/** It has been silent for longer than its limit. */
export function watchLost(watch: Watch, nowMs: number): Watch {
  return { ...watch, lostAtMs: nowMs, isAcknowledged: false };
}

/** It runs neither the build nor the one before. */
export function watchMovedOn(watch: Watch, nowMs: number): Watch {
  return watch.movedOnAtMs === undefined ? { ...watch, movedOnAtMs: nowMs, lostAtMs: undefined } : watch;
}

/** What may be one too many for the gate of its stage: a failure that counts, or crashes that go on. */
export function isBad({ fault, crashedAtMs, healthyAtMs }: Watch): boolean {
  return (
    fault !== undefined || (crashedAtMs !== undefined && !((healthyAtMs ?? Number.NEGATIVE_INFINITY) > crashedAtMs))
  );
}

function withCrash(watch: Watch, confirmedAtMs: number, seen: Seen, nowMs: number): Watch {
  const crashes = watch.crashes + 1;
  const hours = Math.max(0, nowMs - confirmedAtMs) / 3_600_000;
  // A board that crashed now and then before may do so again; twice as often is beyond that.
  const usual = seen.usualCrashesPerHour ?? 0;
  const isBeyond = usual === 0 || crashes > Math.ceil(2 * usual * hours) + 1;
  return isBeyond ? { ...watch, crashes, crashedAtMs: nowMs, isAcknowledged: false } : { ...watch, crashes };
}

function isHealthyNow(watch: Watch, confirmedAtMs: number, { soakMs }: Seen, nowMs: number): boolean {
  const { crashedAtMs, healthyAtMs } = watch;
  if (!(nowMs - confirmedAtMs >= soakMs)) return false;
  if (crashedAtMs === undefined) return healthyAtMs === undefined;
  const isNew = healthyAtMs === undefined || !(healthyAtMs > crashedAtMs);
  return isNew && nowMs - crashedAtMs >= Math.max(soakMs, CRASH_MEMORY_MS);
}

/** It shows up running the build, and this server gave it nothing. */
function notTaken({ before, after, downloads }: Parameters<typeof watchProgress>[1]): NotCounted | undefined {
  const isSudden = (before.state === 'offered' || before.state === 'superseded') && !before.ranBuild && after.ranBuild;
  return isSudden && downloads === 0 && !before.confirmClaimed ? 'not_taken' : undefined;
}

function isSame(one: Watch, other: Watch): boolean {
  return one.exposedAtMs === other.exposedAtMs && one.notCounted === other.notCounted;
}

const GIVEN: ReadonlySet<AssignmentState | ReportStatus> = new Set<AssignmentState | ReportStatus>([
  'installing',
  'trial',
  'confirmed',
  'rolled_back',
]);
const ENDED_BADLY: ReadonlySet<AssignmentState> = new Set(['failed', 'rolled_back', 'rejected']);
