// What one check-in changes: what the sighting says of the device's assignments, what the device is told now, and which
// assignment carries the offer. Pure; the service stores exactly this, and stores nothing where there is nothing.

import {
  afterConfirmed,
  afterDownloads,
  afterPostponed,
  afterSighting,
  endedOf,
  historyOf,
  isBuild,
  isOpenState,
  type Progress,
  type Sighting,
} from '#engine/assignment/assignment.ts';
import { decide, type Decision } from './decide.ts';
import { KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { type Watch, watchMovedOn, watchProgress, watchSeen } from '#engine/outcome/watch.ts';
import type { BuildHistory, Facts, ImageFacts, RolloutFacts } from '#engine/facts/model.ts';
import type { Reason } from './rules.ts';

/** An assignment that is open, ended badly and still counts, or brought the build that the device confirmed last. */
export interface Assignment {
  readonly id: number;
  readonly rolloutId: number;
  readonly firmwareId: number;
  readonly version: string;
  readonly image: ImageFacts;
  readonly isRollback: boolean;
  readonly progress: Progress;
  readonly offeredAtMs: number;
  readonly updatedAtMs: number;
  readonly watch: Watch;
  /** Whole images that were sent for it. */
  readonly downloads: number;
  /** How long the device has to run the build before it is healthy. */
  readonly soakMs: number;
  /** Restarts by a fault of the firmware within an hour before the offer; undefined: nobody measured them. */
  readonly usualCrashesPerHour: number | undefined;
}

/** What this check-in shows of restarts, beside the build that runs. */
export interface Observation {
  readonly crashed: boolean;
  readonly isSuspect: boolean;
  /** When the device checked in before this; undefined: nobody knows. */
  readonly sinceMs?: number | undefined;
}

export type DeviceStatus = 'ok' | 'updating' | 'trial' | 'failed';

export interface CheckInPlan {
  readonly decision: Decision;
  /** Assignments that the sighting moved on, or that this decision supersedes. */
  readonly changed: readonly Assignment[];
  /** The open assignment that is offered again; undefined with an offer means that a new one is needed. */
  readonly offered: Assignment | undefined;
  readonly status: DeviceStatus;
  /** How long the device has to run the build that it confirmed before it is healthy; undefined: it does not soak. */
  readonly soakMs: number | undefined;
  /** It runs a build that it had left, and that it did not take again: so may another board with its MAC. */
  readonly runsWhatItLeft: boolean;
}

/** Holds that leave an open assignment as it is: the device goes on with it when they end. */
const PASSING: ReadonlySet<Reason> = new Set([
  'trial_running',
  'product_frozen',
  'rollout_halted',
  'rollout_paused',
  'window_closed',
  'backing_off',
  'in_flight_limit',
  'offers_per_minute',
  'budget_used_up',
]);

/**
 * The plan for a check-in at `nowMs`. `assignments` are in the order of their making; history and open offer follow from
 * them as the sighting leaves them.
 */
export function planCheckIn(
  facts: Omit<Facts, keyof AssignmentFacts>,
  assignments: readonly Assignment[],
  { sighting, observation }: { readonly sighting: Sighting; readonly observation: Observation },
  nowMs: number,
): CheckInPlan {
  const seen = assignments.map((assignment, index) => {
    if (assignment.progress.state === 'confirmed')
      return watchConfirmed(assignment, assignments.slice(index + 1), sighting, observation, nowMs);
    return index === assignments.length - 1 ? see(assignment, sighting, observation, nowMs) : assignment;
  });
  const decision = decide({ ...facts, ...assignmentFacts(seen, facts.rollout, nowMs) }, nowMs);
  const open = seen.find(({ progress }) => isOpenState(progress.state));
  const offered = open !== undefined && carries(open, decision) ? open : undefined;
  const settled =
    open !== undefined && offered === undefined && isOvertaken(open, decision)
      ? seen.map((assignment) => (assignment === open ? supersede(assignment, nowMs) : assignment))
      : seen;
  return {
    decision,
    changed: settled.filter((assignment, index) => assignment !== assignments[index]),
    offered,
    status: statusOf(decision, settled),
    soakMs: settled.find(isSoaking)?.soakMs,
    runsWhatItLeft: hasReturned(assignments, sighting),
  };
}

/** Of the latest assignment alone: one that was made since explains why it runs that build. */
function hasReturned(assignments: readonly Assignment[], sighting: Sighting): boolean {
  const latest = assignments.at(-1);
  return latest?.progress.state === 'rolled_back' && isBuild(latest, sighting);
}

function isSoaking({ progress, watch, soakMs }: Assignment): boolean {
  return (
    progress.state === 'confirmed' &&
    soakMs > 0 &&
    watch.movedOnAtMs === undefined &&
    (watch.healthyAtMs === undefined || watch.healthyAtMs <= (watch.crashedAtMs ?? Number.NEGATIVE_INFINITY))
  );
}

/** The facts that follow from the assignments of the device. */
export type AssignmentFacts = Pick<Facts, 'historyOf' | 'holdsOffer' | 'isUnderWay' | 'lastEndedAtMs' | 'firstOffers'>;

export function assignmentFacts(
  assignments: readonly Assignment[],
  rollout: RolloutFacts | undefined,
  nowMs: number,
): AssignmentFacts {
  return {
    historyOf: (firmwareId) => historyOfBuild(assignments, firmwareId, nowMs),
    holdsOffer: assignments.some(
      ({ progress, rolloutId, isRollback }) => isOpenState(progress.state) && rolloutId === rollout?.id && !isRollback,
    ),
    isUnderWay: assignments.some(({ progress }) => isOpenState(progress.state)),
    lastEndedAtMs: lastEndOf(assignments),
    firstOffers: firstOffersOf(assignments),
  };
}

const NO_OFFERS: ReadonlyMap<number, number> = new Map();

function firstOffersOf(assignments: readonly Assignment[]): ReadonlyMap<number, number> {
  if (assignments.length === 0) return NO_OFFERS;
  const first = new Map<number, number>();
  for (const { rolloutId, isRollback, offeredAtMs } of assignments)
    if (!isRollback) first.set(rolloutId, Math.min(first.get(rolloutId) ?? offeredAtMs, offeredAtMs));
  return first;
}

function lastEndOf(assignments: readonly Assignment[]): number | undefined {
  const ended = assignments.filter(({ progress }) => !isOpenState(progress.state) && progress.state !== 'superseded');
  const times = ended.map(({ watch, updatedAtMs }) => watch.confirmedAtMs ?? updatedAtMs);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** What happened to one build, from the assignments that still count. */
export function historyOfBuild(assignments: readonly Assignment[], firmwareId: number, nowMs: number): BuildHistory {
  const ended = assignments
    .filter((assignment) => assignment.firmwareId === firmwareId)
    .map(({ progress, updatedAtMs }) => endedOf(progress, updatedAtMs));
  return historyOf(ended, nowMs);
}

/** Of those that are not confirmed, only the latest assignment can be what the device runs or came back from. */
function see(assignment: Assignment, sighting: Sighting, observation: Observation, nowMs: number): Assignment {
  const { downloads, watch, soakMs, usualCrashesPerHour } = assignment;
  const seenBy = afterSighting(assignment.progress, assignment, sighting, watch.exposedAtMs !== undefined);
  const taken = downloads < KNOWN_BAD_FAILURES ? seenBy : afterDownloads(seenBy, assignment, sighting);
  const progress = afterPostponed(
    taken,
    sighting.postponed?.assignmentId === assignment.id ? sighting.postponed.reason : undefined,
  );
  const moved = watchProgress(watch, { before: assignment.progress, after: progress, downloads }, nowMs);
  // A restart before it confirmed belongs to the update itself.
  const seen = watchSeen(moved, { ...observation, crashed: false, soakMs, usualCrashesPerHour }, nowMs);
  return changed(assignment, progress, seen, nowMs);
}

/** It confirmed the build: does it still run it, and how? */
function watchConfirmed(
  assignment: Assignment,
  later: readonly Assignment[],
  sighting: Sighting,
  observation: Observation,
  nowMs: number,
): Assignment {
  const { progress: before, watch, downloads, soakMs, usualCrashesPerHour } = assignment;
  if (isBuild(assignment, sighting)) {
    const crashed = observation.crashed && !later.some((other) => mayHaveCrashed(other, observation.sinceMs));
    const seen = { ...observation, crashed, soakMs, usualCrashesPerHour };
    return changed(assignment, before, watchSeen(watch, seen, nowMs), nowMs);
  }
  // It was offered what it runs now, the way back included.
  if (later.some((other) => isBuild(other, sighting)))
    return changed(assignment, before, watchMovedOn(watch, nowMs), nowMs);
  const { version } = assignment;
  const now = afterConfirmed(before, { version, fromVersion: watch.fromVersion }, sighting);
  if (now.kind === 'moved_on') return changed(assignment, before, watchMovedOn(watch, nowMs), nowMs);
  return changed(
    assignment,
    now.progress,
    watchProgress(watch, { before, after: now.progress, downloads }, nowMs),
    nowMs,
  );
}

/** The device was given this build and has left it since its last check: the crash that it tells of now ended that trial. */
function mayHaveCrashed({ progress, watch, updatedAtMs }: Assignment, sinceMs: number | undefined): boolean {
  if (watch.exposedAtMs === undefined) return false;
  return isOpenState(progress.state) || (sinceMs !== undefined && updatedAtMs >= sinceMs);
}

function changed(assignment: Assignment, progress: Progress, watch: Watch, nowMs: number): Assignment {
  const { progress: before } = assignment;
  const isMoved =
    progress.state !== before.state ||
    progress.ranBuild !== before.ranBuild ||
    progress.confirmClaimed !== before.confirmClaimed ||
    progress.seenBack !== before.seenBack ||
    progress.saidItLeft !== before.saidItLeft ||
    progress.errorCode !== before.errorCode ||
    progress.detail !== before.detail;
  if (!isMoved) return watch === assignment.watch ? assignment : { ...assignment, watch };
  // What is learnt of an assignment that has ended does not make it end later.
  const isLater = progress.state !== before.state || isOpenState(progress.state);
  return { ...assignment, progress, watch, updatedAtMs: isLater ? nowMs : assignment.updatedAtMs };
}

function carries(open: Assignment, decision: Decision): boolean {
  if (decision.outcome === 'hold') return false;
  return (
    open.image.id === decision.image.id &&
    open.rolloutId === decision.rollout.id &&
    open.isRollback === (decision.outcome === 'rollback')
  );
}

function isOvertaken(open: Assignment, decision: Decision): boolean {
  if (decision.outcome !== 'hold') return true;
  // A board that is installing will be seen running the one or the other soon; what it runs then is the truth.
  return !PASSING.has(decision.reason) && open.progress.state !== 'installing' && open.progress.state !== 'trial';
}

function supersede(assignment: Assignment, nowMs: number): Assignment {
  return { ...assignment, progress: { ...assignment.progress, state: 'superseded' }, updatedAtMs: nowMs };
}

function statusOf(decision: Decision, assignments: readonly Assignment[]): DeviceStatus {
  const latest = assignments.at(-1)?.progress.state;
  if (latest === 'trial') return 'trial';
  if (decision.outcome !== 'hold' || (latest !== undefined && isOpenState(latest))) return 'updating';
  const isHome =
    decision.reason === 'up_to_date' ||
    decision.reason === 'other_build' ||
    latest === undefined ||
    latest === 'confirmed' ||
    latest === 'superseded';
  return isHome ? 'ok' : 'failed';
}
