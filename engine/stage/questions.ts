// What has to be found out of a stage beside the outcomes of its boards, before its gate can be judged; and the counts that the
// answers make. Some answers cost a look at every board, so they are asked for only where they matter. Pure: a server answers
// from its database, a simulation from memory.

import type { Gate } from '#protocol/admin/plan.ts';
import type { RolloutStatus } from '#engine/facts/model.ts';
import { type BoardGroup, type Counts, countsOf, isGroupUndecided } from './counts.ts';
import { needsSilence, needsTrialSilence, type GateCounts } from './gate.ts';
import { WATCH_LIMITS } from './judge.ts';
import type { Silence } from './silence.ts';

export interface StageAt {
  readonly gate: Gate | undefined;
  readonly groups: readonly BoardGroup[];
  /** The one that opened last. */
  readonly isOpen: boolean;
  readonly isFirst: boolean;
}

export interface Questions {
  readonly counts: Counts;
  /** How many boards that hold no assignment are looked for among those that can be reached; 0: none. */
  readonly reachable: number;
  /** Whether any board is still to get the build, where none can be reached. */
  readonly anyLeft: boolean;
  /** Whether the gate waits for an undecided board (`isWaitedFor`). */
  readonly undecided: boolean;
  /** Whether undecided boards that sleep longer than the soak are counted (`sleeperLimitMs`). */
  readonly asleep: boolean;
  readonly silence: boolean;
  /** The silence of others since the boards whose trial ran out had the build. */
  readonly trialSilence: boolean;
  readonly usualSuspects: boolean;
}

export interface Answers {
  readonly reachable: number;
  readonly isAnyLeft: boolean;
  readonly isUndecided: boolean;
  readonly asleep: number;
  readonly silence: Silence | undefined;
  readonly trialSilence: Silence | undefined;
  readonly usualSuspects: number;
}

/** The same answers where nothing was asked. */
export const NO_ANSWERS: Answers = {
  reachable: 0,
  isAnyLeft: true,
  isUndecided: false,
  asleep: 0,
  silence: undefined,
  trialSilence: undefined,
  usualSuspects: 0,
};

/** Once a stage has passed, it is judged by what its boards showed: nobody is waited for in it. */
export function questionsOf(status: RolloutStatus, { gate, groups, isOpen, isFirst }: StageAt): Questions {
  const limits = gate ?? WATCH_LIMITS;
  const counts = countsOf(limits, groups);
  const isWaiting = isOpen && status === 'running' && gate !== undefined;
  return {
    counts,
    reachable: isWaiting ? missingOf(gate, counts) : 0,
    anyLeft: isWaiting && !isFirst && counts.hopeful === 0 && !groups.some(({ isCounted }) => isCounted),
    undecided: isWaiting && groups.some(isGroupUndecided),
    asleep: (gate?.soak_s ?? 0) > 0 && groups.some(isGroupUndecided),
    silence: needsSilence(limits, counts),
    trialSilence: needsTrialSilence(limits, counts),
    usualSuspects: counts.suspects > 0,
  };
}

export function gateCountsOf({ counts, anyLeft }: Pick<Questions, 'counts' | 'anyLeft'>, answers: Answers): GateCounts {
  const { reachable, isAnyLeft, isUndecided, asleep, silence, trialSilence, usualSuspects } = answers;
  return {
    ...counts,
    available: counts.hopeful + reachable,
    isNobodyLeft: anyLeft && reachable === 0 && !isAnyLeft,
    isUndecided,
    asleep,
    silence,
    trialSilence,
    usualSuspects,
    heapDropPct: undefined,
    moreRestartsPct: undefined,
  };
}

/**
 * What is certain at once after a failure: what depends on who is lost or undecided is for the next tick to say. `trialSilence`: where
 * `questionsOf` asks for it, of as many boards as can be looked at so soon.
 */
export function failureCountsOf(counts: Counts, found: Pick<Answers, 'reachable' | 'trialSilence'>): GateCounts {
  return gateCountsOf({ counts: { ...counts, lost: 0, lostLater: 0 }, anyLeft: false }, { ...NO_ANSWERS, ...found });
}

/** The same where no outage excuses a trial that ran out. */
export function worstCountsOf(counts: Counts): GateCounts {
  return failureCountsOf({ ...counts, ranOut: 0 }, NO_ANSWERS);
}

/** How many boards the sample still lacks. Once there are enough, it does not matter how many more there are. */
function missingOf(gate: Gate, { healthy, hopeful }: Counts): number {
  return healthy >= gate.min_confirmed ? 0 : Math.max(0, gate.min_confirmed - hopeful);
}

/** Whether a board that is to get the build can be part of the sample: it was heard of since the start, or is not silent. */
export function isReachable(
  board: { readonly seenAtMs: number; readonly isSilent: boolean },
  startedAtMs: number,
): boolean {
  return board.seenAtMs >= startedAtMs || !board.isSilent;
}
