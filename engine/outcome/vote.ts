// Whose boards count in the gates of a rollout: those that were there before it, real and alone under their MAC. A board that is
// not counted gets the build all the same; it only proves nothing. Pure.

import { NEWCOMER_MS } from '#protocol/limits.ts';
import type { VoteRules } from '#engine/facts/model.ts';
import type { NotCounted } from './watch.ts';

export interface VoterFacts {
  readonly firstSeenAtMs: number;
  readonly isSimulated: boolean;
  /** Two boards use its MAC, as far as one can tell. */
  readonly isShared: boolean;
  /** What an operator said; undefined: the rules decide. */
  readonly override: 'yes' | 'no' | undefined;
}

/** Why the board does not count; undefined: it does. */
export function notCountedOf(voter: VoterFacts, rules: VoteRules): NotCounted | undefined {
  if (voter.override === 'no') return 'test';
  if (voter.override === 'yes') return undefined;
  if (voter.isShared) return 'shared_mac';
  if (voter.isSimulated && !rules.countsSimulated) return 'simulated';
  const isNew = rules.countsBeforeMs !== undefined && !(voter.firstSeenAtMs <= rules.countsBeforeMs);
  return isNew ? 'newcomer' : undefined;
}

/**
 * Boards first seen until this instant count in a rollout that starts now: a day before it, so that nobody makes boards up for
 * it; in a product whose first board is younger than that, the start itself.
 */
export function countsBeforeMs(firstBoardSeenAtMs: number | undefined, startMs: number): number {
  const dayBefore = startMs - NEWCOMER_MS;
  return firstBoardSeenAtMs !== undefined && firstBoardSeenAtMs <= dayBefore ? dayBefore : startMs;
}
