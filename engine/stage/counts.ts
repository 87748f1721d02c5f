// What the boards of one stage count as. SQL, or a simulation, counts boards that are alike; what they mean stands here once.

import type { Fault } from '#protocol/device/errors.ts';
import type { Gate } from '#protocol/admin/plan.ts';
import { isEnded, isOfRequired, isUndecided, type Mark, type Outcome } from '#engine/outcome/outcome.ts';

/** Boards of one stage that are alike, each by its latest assignment there. */
export interface BoardGroup {
  readonly outcome: Outcome;
  readonly mark: Mark;
  readonly isCounted: boolean;
  /** Of the latest failure that still counts. */
  readonly fault: Fault | undefined;
  /** Somebody saw that failure, or that silence, and let the rollout go on. */
  readonly isAcknowledged: boolean;
  readonly boards: number;
}

/** The columns of a stage, as `rollout show` has them: they add up to `targeted`, and `uncounted` stands beside them. */
export type Columns = Readonly<Record<Outcome, number>> & { readonly targeted: number; readonly uncounted: number };

export interface Counts {
  readonly healthy: number;
  readonly soaking: number;
  /** On trial, or given the build and not seen on it yet. */
  readonly installing: number;
  /** Failed or crashing by a fault that the gate counts, and nobody has acknowledged it. */
  readonly failed: number;
  /** Of the failed ones: their trial ran out. */
  readonly ranOut: number;
  /** Failed by anything else, or acknowledged. */
  readonly otherFailures: number;
  /** Vanished before it was seen healthy. */
  readonly lost: number;
  /** Silent after it had been healthy. */
  readonly lostLater: number;
  readonly suspects: number;
  /** Past the deadline of their offer, without having been given the build. */
  readonly silent: number;
  /** Offered or fetching it. */
  readonly open: number;
  /** Are healthy, or can still become it by the assignment that they hold. */
  readonly hopeful: number;
}

const FAULTS_OF_BUILD: readonly Fault[] = ['firmware'];

export function countsOf(gate: Pick<Gate, 'fault_classes'>, groups: readonly BoardGroup[]): Counts {
  const classes = gate.fault_classes ?? FAULTS_OF_BUILD;
  const sum = (matches: (group: BoardGroup) => boolean): number =>
    groups.reduce((total, group) => (group.isCounted && matches(group) ? total + group.boards : total), 0);
  const isFailure = ({ outcome, fault }: BoardGroup): boolean =>
    outcome === 'crashing' || (outcome !== 'not_now' && fault !== undefined);
  const counts = ({ outcome, fault, isAcknowledged }: BoardGroup): boolean =>
    !isAcknowledged && (outcome === 'crashing' || (fault !== undefined && classes.includes(fault)));
  const is = (outcome: Outcome) => (group: BoardGroup) =>
    group.outcome === outcome && !isOfRequired(group.mark) && !isFailure(group);
  return {
    healthy: sum(is('healthy')),
    soaking: sum(is('soaking')),
    installing: sum((group) => is('on_trial')(group) || (is('updating')(group) && group.mark === 'given')),
    failed: sum((group) => isFailure(group) && counts(group)),
    ranOut: sum((group) => isFailure(group) && counts(group) && group.mark === 'ran_out'),
    otherFailures: sum((group) => isFailure(group) && !counts(group)),
    lost: sum(({ outcome, mark, isAcknowledged }) => outcome === 'lost' && mark !== 'later' && !isAcknowledged),
    lostLater: sum(({ outcome, mark, isAcknowledged }) => outcome === 'lost' && mark === 'later' && !isAcknowledged),
    suspects: sum(({ mark }) => mark === 'suspect'),
    silent: sum((group) => is('waiting')(group) && group.mark === 'silent'),
    open: sum(
      (group) => (is('waiting')(group) && group.mark === '') || (is('updating')(group) && group.mark !== 'given'),
    ),
    hopeful: sum(({ outcome, mark }) => HOPEFUL.has(outcome) && !isEnded(mark)),
  };
}

const HOPEFUL: ReadonlySet<Outcome> = new Set(['healthy', 'soaking', 'on_trial', 'updating', 'not_now', 'waiting']);

/** `waiting`: boards whose turn it is and that hold no assignment. */
export function columnsOf(groups: readonly BoardGroup[], waiting: number): Columns {
  const counted = groups.filter(({ isCounted }) => isCounted);
  const sum = (outcome: Outcome): number => sumOf(counted.filter((group) => group.outcome === outcome));
  return {
    targeted: waiting + sumOf(counted),
    waiting: waiting + sum('waiting'),
    updating: sum('updating'),
    on_trial: sum('on_trial'),
    soaking: sum('soaking'),
    healthy: sum('healthy'),
    failed: sum('failed'),
    crashing: sum('crashing'),
    lost: sum('lost'),
    not_now: sum('not_now'),
    other: sum('other'),
    uncounted: sumOf(groups) - sumOf(counted),
  };
}

/** Boards that were given the build. */
export function exposedOf({ healthy, soaking, installing, failed, otherFailures, lost, lostLater }: Counts): number {
  return healthy + soaking + installing + failed + otherFailures + lost + lostLater;
}

/** Given the build, and nobody knows yet what becomes of it: the gate waits for them. */
export function isGroupUndecided({ outcome, mark, isCounted }: BoardGroup): boolean {
  return isCounted && !isOfRequired(mark) && isUndecided(outcome, mark === 'given');
}

function sumOf(groups: readonly BoardGroup[]): number {
  return groups.reduce((total, { boards }) => total + boards, 0);
}
