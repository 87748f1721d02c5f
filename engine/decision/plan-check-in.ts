// What one check-in changes: what the sighting says of the device's attempts, what the device is told now, and which
// assignment carries the offer. Pure; the service stores exactly this, and stores nothing where there is nothing.

import {
  afterConfirmed,
  afterDownloads,
  afterSighting,
  causeOfEnd,
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
export interface Attempt {
  readonly id: number;
  readonly rolloutId: number;
  readonly firmwareId: number;
  readonly version: string;
  readonly image: ImageFacts;
  readonly isRollback: boolean;
  readonly progress: Progress;
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
  /** Attempts that the sighting moved on, or that this decision supersedes. */
  readonly changed: readonly Attempt[];
  /** The open assignment that is offered again; undefined with an offer means that a new one is needed. */
  readonly offered: Attempt | undefined;
  readonly status: DeviceStatus;
  /** How long the device has to run the build that it confirmed before it is healthy; undefined: it does not soak. */
  readonly soakMs: number | undefined;
  /** It runs a build that it had left, and that it did not take again: so may another board with its MAC. */
  readonly runsWhatItLeft: boolean;
}

/** Holds that leave an open assignment as it is: the device goes on with it when they end. */
const PASSING: ReadonlySet<Reason> = new Set([
  'trial_running',
  'rollout_halted',
  'rollout_paused',
  'window_closed',
  'backing_off',
  'in_flight_limit',
  'offers_per_minute',
]);

/**
 * The plan for a check-in at `nowMs`. `attempts` are in the order of their making; history and open offer follow from
 * them as the sighting leaves them.
 */
export function planCheckIn(
  facts: Omit<Facts, keyof AttemptFacts>,
  attempts: readonly Attempt[],
  { sighting, observation }: { readonly sighting: Sighting; readonly observation: Observation },
  nowMs: number,
): CheckInPlan {
  const seen = attempts.map((attempt, index) => {
    if (attempt.progress.state === 'confirmed')
      return watchConfirmed(attempt, attempts.slice(index + 1), sighting, observation, nowMs);
    return index === attempts.length - 1 ? see(attempt, sighting, observation, nowMs) : attempt;
  });
  const decision = decide({ ...facts, ...attemptFacts(seen, facts.rollout, nowMs) }, nowMs);
  const open = seen.find(({ progress }) => isOpenState(progress.state));
  const offered = open !== undefined && carries(open, decision) ? open : undefined;
  const settled =
    open !== undefined && offered === undefined && isOvertaken(open, decision)
      ? seen.map((attempt) => (attempt === open ? supersede(attempt, nowMs) : attempt))
      : seen;
  return {
    decision,
    changed: settled.filter((attempt, index) => attempt !== attempts[index]),
    offered,
    status: statusOf(decision, settled),
    soakMs: settled.find(isSoaking)?.soakMs,
    runsWhatItLeft: hasReturned(attempts, sighting),
  };
}

/** Of the latest attempt alone: one that was made since explains why it runs that build. */
function hasReturned(attempts: readonly Attempt[], sighting: Sighting): boolean {
  const latest = attempts.at(-1);
  return latest?.progress.state === 'rolled_back' && isBuild(latest, sighting);
}

function isSoaking({ progress, watch, soakMs }: Attempt): boolean {
  return (
    progress.state === 'confirmed' &&
    soakMs > 0 &&
    watch.movedOnAtMs === undefined &&
    (watch.healthyAtMs === undefined || watch.healthyAtMs <= (watch.crashedAtMs ?? Number.NEGATIVE_INFINITY))
  );
}

/** The facts that follow from the attempts of the device. */
export type AttemptFacts = Pick<Facts, 'historyOf' | 'holdsOffer'>;

export function attemptFacts(
  attempts: readonly Attempt[],
  rollout: RolloutFacts | undefined,
  nowMs: number,
): AttemptFacts {
  return {
    historyOf: (firmwareId) => historyOfBuild(attempts, firmwareId, nowMs),
    holdsOffer: attempts.some(
      ({ progress, rolloutId, isRollback }) => isOpenState(progress.state) && rolloutId === rollout?.id && !isRollback,
    ),
  };
}

/** What happened to one build, from the attempts that still count. */
export function historyOfBuild(attempts: readonly Attempt[], firmwareId: number, nowMs: number): BuildHistory {
  const ended = attempts
    .filter((attempt) => attempt.firmwareId === firmwareId)
    .map(({ progress, updatedAtMs }) => ({
      state: progress.state,
      cause: causeOfEnd(progress),
      excused: progress.excused,
      saidItLeft: progress.saidItLeft,
      updatedAtMs,
    }));
  return historyOf(ended, nowMs);
}

/** Of those that are not confirmed, only the latest attempt can be what the device runs or came back from. */
function see(attempt: Attempt, sighting: Sighting, observation: Observation, nowMs: number): Attempt {
  const { downloads, watch, soakMs, usualCrashesPerHour } = attempt;
  const seenBy = afterSighting(attempt.progress, attempt, sighting, watch.exposedAtMs !== undefined);
  const progress = downloads < KNOWN_BAD_FAILURES ? seenBy : afterDownloads(seenBy, attempt, sighting);
  const moved = watchProgress(watch, { before: attempt.progress, after: progress, downloads }, nowMs);
  // A restart before it confirmed belongs to the update itself.
  const seen = watchSeen(moved, { ...observation, crashed: false, soakMs, usualCrashesPerHour }, nowMs);
  return changed(attempt, progress, seen, nowMs);
}

/** It confirmed the build: does it still run it, and how? */
function watchConfirmed(
  attempt: Attempt,
  later: readonly Attempt[],
  sighting: Sighting,
  observation: Observation,
  nowMs: number,
): Attempt {
  const { progress: before, watch, downloads, soakMs, usualCrashesPerHour } = attempt;
  if (isBuild(attempt, sighting)) {
    const crashed = observation.crashed && !later.some((other) => mayHaveCrashed(other, observation.sinceMs));
    const seen = { ...observation, crashed, soakMs, usualCrashesPerHour };
    return changed(attempt, before, watchSeen(watch, seen, nowMs), nowMs);
  }
  // It was offered what it runs now, the way back included.
  if (later.some((other) => isBuild(other, sighting)))
    return changed(attempt, before, watchMovedOn(watch, nowMs), nowMs);
  const { version } = attempt;
  const now = afterConfirmed(before, { version, fromVersion: watch.fromVersion }, sighting);
  if (now.kind === 'moved_on') return changed(attempt, before, watchMovedOn(watch, nowMs), nowMs);
  return changed(attempt, now.progress, watchProgress(watch, { before, after: now.progress, downloads }, nowMs), nowMs);
}

/** The device was given this build and has left it since its last check: the crash that it tells of now ended that trial. */
function mayHaveCrashed({ progress, watch, updatedAtMs }: Attempt, sinceMs: number | undefined): boolean {
  if (watch.exposedAtMs === undefined) return false;
  return isOpenState(progress.state) || (sinceMs !== undefined && updatedAtMs >= sinceMs);
}

function changed(attempt: Attempt, progress: Progress, watch: Watch, nowMs: number): Attempt {
  const { progress: before } = attempt;
  const isMoved =
    progress.state !== before.state ||
    progress.ranBuild !== before.ranBuild ||
    progress.confirmClaimed !== before.confirmClaimed ||
    progress.seenBack !== before.seenBack ||
    progress.saidItLeft !== before.saidItLeft;
  if (!isMoved) return watch === attempt.watch ? attempt : { ...attempt, watch };
  // What is learnt of an attempt that has ended does not make it end later.
  const isLater = progress.state !== before.state || isOpenState(progress.state);
  return { ...attempt, progress, watch, updatedAtMs: isLater ? nowMs : attempt.updatedAtMs };
}

function carries(open: Attempt, decision: Decision): boolean {
  if (decision.outcome === 'hold') return false;
  return (
    open.image.id === decision.image.id &&
    open.rolloutId === decision.rollout.id &&
    open.isRollback === (decision.outcome === 'rollback')
  );
}

function isOvertaken(open: Attempt, decision: Decision): boolean {
  if (decision.outcome !== 'hold') return true;
  // A board that is installing will be seen running the one or the other soon; what it runs then is the truth.
  return !PASSING.has(decision.reason) && open.progress.state !== 'installing' && open.progress.state !== 'trial';
}

function supersede(attempt: Attempt, nowMs: number): Attempt {
  return { ...attempt, progress: { ...attempt.progress, state: 'superseded' }, updatedAtMs: nowMs };
}

function statusOf(decision: Decision, attempts: readonly Attempt[]): DeviceStatus {
  const latest = attempts.at(-1)?.progress.state;
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
