// What one check-in changes: what the sighting says of the device's attempts, what the device is told now, and which
// assignment carries the offer. Pure; the service stores exactly this, and stores nothing where there is nothing.

import {
  afterSighting,
  causeOfEnd,
  historyOf,
  isOpenState,
  type Progress,
  type Sighting,
} from '../assignment/assignment.ts';
import { decide, type Decision } from './decide.ts';
import type { BuildHistory, Facts, ImageFacts, RolloutFacts } from '../facts/model.ts';
import type { Reason } from './rules.ts';

/** An assignment that is open, or ended badly and still counts. */
export interface Attempt {
  readonly id: number;
  readonly rolloutId: number;
  readonly firmwareId: number;
  readonly version: string;
  readonly image: ImageFacts;
  readonly isRollback: boolean;
  readonly progress: Progress;
  readonly updatedAtMs: number;
}

export type DeviceStatus = 'ok' | 'updating' | 'trial' | 'failed';

export interface CheckInPlan {
  readonly decision: Decision;
  /** Attempts that the sighting moved on, or that this decision supersedes. */
  readonly changed: readonly Attempt[];
  /** The open assignment that is offered again; undefined with an offer means that a new one is needed. */
  readonly offered: Attempt | undefined;
  readonly status: DeviceStatus;
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
  sighting: Sighting,
  nowMs: number,
): CheckInPlan {
  const seen = attempts.map((attempt, index) =>
    index === attempts.length - 1 ? see(attempt, sighting, nowMs) : attempt,
  );
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
  };
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
      updatedAtMs,
    }));
  return historyOf(ended, nowMs);
}

/** Only the latest attempt can be what the device runs or came back from. */
function see(attempt: Attempt, sighting: Sighting, nowMs: number): Attempt {
  const progress = afterSighting(attempt.progress, attempt, sighting);
  return progress.state === attempt.progress.state &&
    progress.ranBuild === attempt.progress.ranBuild &&
    progress.confirmClaimed === attempt.progress.confirmClaimed
    ? attempt
    : { ...attempt, progress, updatedAtMs: nowMs };
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
    decision.reason === 'up_to_date' || latest === undefined || latest === 'confirmed' || latest === 'superseded';
  return isHome ? 'ok' : 'failed';
}
