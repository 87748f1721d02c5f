// What became of one board under one build: one ordered table, the first row that matches decides. Gate, `explain`, views,
// events and simulation ask it, and nothing else says what became of a board. docs/rollout.md prints the same table. Pure.

import type { OUTCOMES } from '#protocol/admin/states.ts';
import { isNotNow } from '#engine/assignment/weight.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import { speaksAgainst, type Watch } from './watch.ts';

export type Outcome = (typeof OUTCOMES)[number];

/** The latest assignment of the board in the rollout, and what was seen of the board since. */
export interface OutcomeFacts extends Watch {
  readonly state: AssignmentState;
  /** What the board reported as the cause of the state, else what its reset reason says. */
  readonly cause: string | undefined;
}

interface Row {
  readonly id: Outcome;
  /** The condition in words, as the documentation prints it. */
  readonly when: string;
  /** What is said of a board that has it. */
  readonly says: string;
  readonly matches: (facts: OutcomeFacts) => boolean;
}

export const OUTCOME_TABLE = [
  {
    id: 'crashing',
    when: 'since it confirmed, it restarted by a fault of the firmware more often than before, and has not run for its soak since; also when it went back later',
    says: 'it restarts by a fault of the firmware, more often than before',
    matches: isCrashing,
  },
  {
    id: 'other',
    when: 'it confirmed the build, did not crash on it, and now runs neither it nor the one before: a cable, or a newer offer',
    says: 'it confirmed the build, and now runs neither it nor the one before',
    matches: (f) => f.movedOnAtMs !== undefined,
  },
  {
    id: 'lost',
    when: 'it was given the build (it reported `installing`, or was seen running it), and then was silent for longer than its limit',
    says: 'it was given the build, and has been silent since',
    matches: (f) => f.lostAtMs !== undefined,
  },
  {
    id: 'failed',
    when: 'it left the build or came back on the one before, at any time after it took it; or the firmware failed on it. Until it confirms a later attempt',
    says: 'the build failed on it, or it left the build',
    matches: speaksAgainst,
  },
  {
    id: 'not_now',
    when: 'it said that it is not the time: busy, deferred, low power',
    says: 'it said that it is not the time: busy, deferred or low power',
    matches: (f) => (hasEnded(f.state) || f.state === 'offered' || f.state === 'downloaded') && isNotNow(f.cause),
  },
  {
    id: 'healthy',
    when: 'it checked in, running the build, when at least its `soak` had passed since it confirmed; without a crash in the last `soak`',
    says: 'it has run the build for its soak, without a crash',
    matches: (f) => f.state === 'confirmed' && f.healthyAtMs !== undefined,
  },
  {
    id: 'soaking',
    when: 'it confirmed the build',
    says: 'it confirmed the build, and has not run it for its whole soak yet',
    matches: (f) => f.state === 'confirmed',
  },
  {
    id: 'on_trial',
    when: 'it runs the build on trial',
    says: 'it runs the build on trial',
    matches: (f) => f.state === 'trial',
  },
  {
    id: 'updating',
    when: 'it fetches, holds or installs the image',
    says: 'it fetches, holds or installs the image',
    matches: (f) => UPDATING.has(f.state) || (f.state === 'timed_out' && f.exposedAtMs !== undefined),
  },
  {
    id: 'waiting',
    when: 'none of these: its turn is to come, or it tries again after a fault that is not of the build',
    says: 'its turn is to come, or it tries again',
    matches: () => true,
  },
] as const satisfies readonly Row[];

const UPDATING: ReadonlySet<AssignmentState> = new Set(['downloading', 'downloaded', 'installing']);

export function outcomeOf(facts: OutcomeFacts): Outcome {
  return OUTCOME_TABLE.find(({ matches }) => matches(facts))?.id ?? 'waiting';
}

/** Given the build, and nobody knows yet what becomes of it. */
export function isUndecided(outcome: Outcome, isExposed: boolean): boolean {
  return outcome === 'on_trial' || outcome === 'soaking' || (outcome === 'updating' && isExposed);
}

/**
 * What the gate has to know of a board beside its outcome. `given`: it has the build already; `later`: lost after it had been
 * healthy; `suspect`: it names a fault of the firmware as its reset reason, and cannot say how often; `silent`: nothing was
 * heard of it until the deadline of its offer; `again`: its offer was withdrawn before it took the build, and whether it gets another one is for the
 * rules to say; `required`: its assignment is of a required version on the way, also where it is silent or to try again; `ran_out`: it failed
 * since its trial ran out.
 */
export type Mark = '' | 'given' | 'later' | 'suspect' | 'ran_out' | Ended | 'required' | `required_${Ended}`;
type Ended = 'silent' | 'again';

/** Of assignments of a required version on the way. */
export function isOfRequired(mark: Mark): boolean {
  return mark.startsWith('required');
}

/** Its offer was withdrawn, and it may get another one. */
export const AGAIN_MARKS = ['again', 'required_again'] as const satisfies readonly Mark[];

/** Nothing is waited for that would come of its assignment. */
export function isEnded(mark: Mark): boolean {
  return mark.endsWith('silent') || mark.endsWith('again');
}

/** What a gate has to know of the board beside its outcome (`engine/stage/counts.ts`). */
export function markOf(facts: OutcomeFacts): Mark {
  const outcome = outcomeOf(facts);
  const ended = endedMarkOf(outcome, facts.state);
  if (facts.isOnTheWay) return ended === undefined ? 'required' : `required_${ended}`;
  if (ended !== undefined) return ended;
  if (outcome === 'lost') return facts.healthyAtMs === undefined ? '' : 'later';
  if (outcome === 'updating') return facts.exposedAtMs === undefined ? '' : 'given';
  if (outcome === 'failed') return facts.ranOutSinceMs === undefined ? '' : 'ran_out';
  return (outcome === 'healthy' || outcome === 'soaking') && facts.isSuspect ? 'suspect' : '';
}

function endedMarkOf(outcome: Outcome, state: AssignmentState): Ended | undefined {
  if (outcome !== 'waiting') return undefined;
  if (state === 'timed_out') return 'silent';
  return state === 'superseded' ? 'again' : undefined;
}

function isCrashing({ state, crashedAtMs, healthyAtMs }: OutcomeFacts): boolean {
  if (state !== 'confirmed' || crashedAtMs === undefined) return false;
  return healthyAtMs === undefined || !(healthyAtMs > crashedAtMs);
}

function hasEnded(state: AssignmentState): boolean {
  return state === 'failed' || state === 'rejected';
}
