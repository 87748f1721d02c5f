// The gate of a stage: what the stage must show before the next one opens, and what it must not show until the watch ends. An
// ordered table like that of the rules: the first condition that matches decides, and docs/rollout.md prints the same table.
// Pure. Time alone never passes a gate, and a count that is missing never does.

import type { Gate } from '#protocol/admin/plan.ts';
import { type Counts, exposedOf } from './counts.ts';
import { isOutageOver, isTooManyLost, lostBeyondUsual, outageOf, type Silence, trialOutageOf } from './silence.ts';

/** What became of the boards of one stage, and what else its gate asks of them. */
export interface GateCounts extends Counts {
  /** Boards that can be part of the sample: healthy ones, and those that still can become it. */
  readonly available: number;
  /** A board that was given the build is undecided, and is not one that sleeps for so long that nobody waits for it. */
  readonly isUndecided: boolean;
  /** Undecided boards that sleep longer than the soak. */
  readonly asleep: number;
  /** A stage before it has passed, and none of its boards needs the build any more. */
  readonly isNobodyLeft: boolean;
  /** Undefined: not counted, since not more fell silent than may. */
  readonly silence: Silence | undefined;
  /** The same since the boards whose trial ran out had the build; undefined: not counted. */
  readonly trialSilence: Silence | undefined;
  /** Share of the boards without the build that are suspect, from 0 to 1. */
  readonly usualSuspects: number;
  /** By how many percent the free heap fell, where old and new build both told it; undefined: no baseline. */
  readonly heapDropPct: number | undefined;
  readonly moreRestartsPct: number | undefined;
}

export interface Verdict {
  readonly state: 'waiting' | 'passed' | 'failed';
  readonly condition: string;
  /** With the numbers. */
  readonly text: string;
  /** Failed, and not for a reason that only calls people: boards on the build may be taken back by themselves. */
  readonly mayRevert: boolean;
}

interface GateInput {
  readonly gate: Gate;
  readonly gateCounts: GateCounts;
  readonly nowMs: number;
  readonly sample: number;
  readonly answered: number;
  readonly exposed: number;
  /** Failed ones, and suspects beyond those that there are without the build. */
  readonly failed: number;
  /** Of boards that had been healthy, beyond what is usual. */
  readonly lostLater: number;
}

interface Condition {
  readonly id: string;
  readonly state: Verdict['state'];
  /** A failed one that only calls people. */
  readonly neverReverts?: true;
  /** The condition in words, as the documentation prints it. */
  readonly when: string;
  readonly matches: (c: GateInput) => boolean;
  readonly text: (c: GateInput) => string;
}

export const CONDITIONS = [
  {
    id: 'unknown',
    state: 'waiting',
    when: 'a number is missing',
    matches: (c) => !numbersOf(c).every((value) => value === undefined || (Number.isFinite(value) && value >= 0)),
    text: () => 'a number is missing',
  },
  {
    id: 'outage_on_trial',
    state: 'waiting',
    when: 'more boards failed than may, but not without those whose trial ran out (`trial_timeout`); and a fifth of the boards without the build fell silent in the same time, or too few of them were to check in since; at most 2 hours, and not with fewer than five without the build',
    matches: isTrialCutShort,
    text: ({ gateCounts, failed }) =>
      `${failed} failed, ${gateCounts.ranOut} of them as their trial ran out; ${
        gateCounts.trialSilence !== undefined && trialOutageOf(gateCounts.trialSilence) === 'outage'
          ? 'outage: boards without the build were silent too'
          : 'waits to hear of boards without the build'
      }`,
  },
  {
    id: 'max_failed',
    state: 'failed',
    when: 'more boards failed or crash than `max_failed`',
    matches: ({ gate, failed }) => isAboveMaxFailed(gate, failed),
    text: ({ gate, failed }) => `${failed} failed, at most ${gate.max_failed} may`,
  },
  {
    id: 'max_failed_pct',
    state: 'failed',
    when: 'as many boards answered as the sample asks for, and the share of those that failed or crash is above `max_failed_pct`',
    matches: (c) => isAboveMaxFailedPct(c, c.failed),
    text: ({ gate, failed, answered }) => `${failed} of ${answered} failed, at most ${gate.max_failed_pct} % may`,
  },
  {
    id: 'outage',
    state: 'waiting',
    when: 'more boards fell silent than may, but so did a fifth of the boards without the build (with fewer than five of those, of all boards; those that vanished while they installed count only where the few are less than a fifth of all), or too few of them were to check in since; at most 2 hours',
    matches: (c) => hasTooManyLost(c) && mayBeOutage(c) && !isOver(c),
    text: (c) =>
      `${lostOf(c)} of ${c.exposed} that were given the build are silent; ${
        c.gateCounts.silence !== undefined && outageOf(c.gateCounts.silence) === 'outage'
          ? 'outage: so are other boards'
          : 'waits to hear of boards without it'
      }`,
  },
  {
    id: 'outage_too_long',
    state: 'failed',
    neverReverts: true,
    when: 'the same for more than 2 hours',
    matches: (c) => hasTooManyLost(c) && mayBeOutage(c),
    text: (c) => `outage for more than 2 h: ${lostOf(c)} of ${c.exposed} that were given the build are silent`,
  },
  {
    id: 'max_lost',
    state: 'failed',
    neverReverts: true,
    when: 'more than one board vanished before it was seen healthy, and more than `max_lost_pct` (5 %) of those given the build; in a stage of fewer than 10: more than one, or all. Or so many that had been healthy, beyond the share of silent boards without the build',
    matches: hasTooManyLost,
    text: (c) => `${lostOf(c)} of ${c.exposed} that were given the build are lost`,
  },
  {
    id: 'max_heap_drop_pct',
    state: 'failed',
    when: 'the free heap fell by more than `max_heap_drop_pct`, on boards where both builds told it',
    matches: ({ gate, gateCounts }) =>
      gate.max_heap_drop_pct !== undefined &&
      gateCounts.heapDropPct !== undefined &&
      gateCounts.heapDropPct > gate.max_heap_drop_pct,
    text: ({ gate, gateCounts }) =>
      `free heap fell by ${Math.round(gateCounts.heapDropPct ?? 0)} %, at most ${gate.max_heap_drop_pct} % may`,
  },
  {
    id: 'max_more_restarts_pct',
    state: 'failed',
    when: 'boards restart more often than before by more than `max_more_restarts_pct`',
    matches: ({ gate, gateCounts }) =>
      gate.max_more_restarts_pct !== undefined &&
      gateCounts.moreRestartsPct !== undefined &&
      gateCounts.moreRestartsPct > gate.max_more_restarts_pct,
    text: ({ gate, gateCounts }) =>
      `${Math.round(gateCounts.moreRestartsPct ?? 0)} % more restarts than before, at most ${gate.max_more_restarts_pct} % may be`,
  },
  {
    id: 'nobody_left',
    state: 'passed',
    when: 'it is not the first stage, and none of its boards needs the build: every one runs it already',
    matches: ({ gateCounts }) => gateCounts.isNobodyLeft,
    text: () => 'every board of the stage runs the build already',
  },
  {
    id: 'min_confirmed',
    state: 'waiting',
    when: 'fewer boards are healthy than the sample asks for: `min_confirmed`, or all that can be where those are fewer, at least 1',
    matches: ({ gateCounts, sample }) => !(gateCounts.healthy >= sample),
    text: ({ gate, gateCounts, sample }) => `${gateCounts.healthy} of ${sample} healthy${restOf(gateCounts, gate)}`,
  },
  {
    id: 'undecided',
    state: 'waiting',
    when: 'a board that was given the build is neither healthy nor failed nor lost; one that sleeps long is waited for at most its soak and one of its gaps',
    matches: ({ gateCounts }) => gateCounts.isUndecided,
    text: ({ gate, gateCounts }) => `${gateCounts.healthy} healthy${restOf(gateCounts, gate)}`,
  },
  {
    id: 'max_silent_pct',
    state: 'waiting',
    when: 'the share of boards past the deadline of their offer, among those and the ones that answered, is above `max_silent_pct`',
    matches: ({ gate, gateCounts, answered }) =>
      gate.max_silent_pct !== undefined &&
      !(share(gateCounts.silent, answered + gateCounts.silent) <= gate.max_silent_pct),
    text: ({ gate, gateCounts, answered }) =>
      `${gateCounts.silent} of ${answered + gateCounts.silent} are silent, at most ${gate.max_silent_pct} % may be`,
  },
  {
    id: 'passed',
    state: 'passed',
    when: 'none of these: the gate has passed',
    matches: () => true,
    text: ({ gate, gateCounts, answered, failed }) =>
      `${gateCounts.healthy} of ${answered} healthy, ${failed} failed${restOf(gateCounts, gate)}`,
  },
] as const satisfies readonly Condition[];

export function judgeStage(gate: Gate, gateCounts: GateCounts, nowMs: number): Verdict {
  const answered = answeredOf(gateCounts);
  const running = gateCounts.healthy + gateCounts.soaking;
  const input: GateInput = {
    gate,
    gateCounts,
    nowMs,
    answered,
    sample: Math.max(1, Math.min(gate.min_confirmed, gateCounts.available)),
    exposed: exposedOf(gateCounts),
    failed: gateCounts.failed + Math.max(0, Math.floor(gateCounts.suspects - running * gateCounts.usualSuspects)),
    lostLater: lostBeyondUsual(
      gateCounts.lostLater,
      gateCounts.healthy + gateCounts.lostLater,
      gateCounts.silence?.usualShare ?? 0,
    ),
  };
  const conditions: readonly Condition[] = CONDITIONS;
  const found = conditions.find(({ matches }) => matches(input)) ?? CONDITIONS[0];
  return {
    state: found.state,
    condition: found.id,
    text: found.text(input),
    mayRevert: found.state === 'failed' && found.neverReverts !== true,
  };
}

/** It waits for what an outage hides; time alone ends that. */
export function isOutage({ condition }: Pick<Verdict, 'condition'>): boolean {
  return condition === 'outage' || condition === 'outage_on_trial';
}

/** Whether more fell silent than may if nobody else did: only then is it worth counting the others. */
export function needsSilence(gate: Gate, counts: Counts): boolean {
  const exposed = exposedOf(counts);
  const { max_lost_pct: maxPct } = gate;
  const { lost, lostLater, healthy } = counts;
  return isTooManyLost(lost, exposed, maxPct) || isTooManyLost(lostLater, healthy + lostLater, maxPct);
}

/** Whether more failed than may, and the trial of some ran out: only then is it worth counting the others. */
export function needsTrialSilence(gate: Gate, counts: Counts): boolean {
  const { failed, ranOut } = counts;
  const answered = answeredOf(counts);
  const isAbove = (boards: number): boolean =>
    isAboveMaxFailed(gate, boards) || share(boards, answered) > (gate.max_failed_pct ?? Infinity);
  return ranOut > 0 && isAbove(failed + counts.suspects);
}

function isTrialCutShort(c: GateInput): boolean {
  const { gate, gateCounts, failed, nowMs } = c;
  const { ranOut, trialSilence: silence } = gateCounts;
  const isAbove = (boards: number): boolean => isAboveMaxFailed(gate, boards) || isAboveMaxFailedPct(c, boards);
  if (ranOut === 0 || !isAbove(failed) || isAbove(failed - ranOut)) return false;
  return silence === undefined || (trialOutageOf(silence) !== 'none' && !isOutageOver(silence, nowMs));
}

function isAboveMaxFailed({ max_failed: max }: Gate, failed: number): boolean {
  return max !== undefined && failed > max;
}

function isAboveMaxFailedPct({ gate, sample, answered }: GateInput, failed: number): boolean {
  const { max_failed_pct: maxPct } = gate;
  return maxPct !== undefined && answered >= sample && !(share(failed, answered) <= maxPct);
}

function answeredOf({ healthy, soaking, failed, otherFailures }: Counts): number {
  return healthy + soaking + failed + otherFailures;
}

function hasTooManyLost({ gate, gateCounts, exposed, lostLater }: GateInput): boolean {
  const { max_lost_pct: maxPct } = gate;
  return (
    isTooManyLost(gateCounts.lost, exposed, maxPct) ||
    isTooManyLost(lostLater, gateCounts.healthy + gateCounts.lostLater, maxPct)
  );
}

/** What nobody counted might be an outage. */
function mayBeOutage({ gateCounts: { silence } }: GateInput): boolean {
  return silence === undefined || outageOf(silence) !== 'none';
}

function isOver({ gateCounts: { silence }, nowMs }: GateInput): boolean {
  return silence !== undefined && isOutageOver(silence, nowMs);
}

function lostOf({ gateCounts, lostLater }: GateInput): number {
  return gateCounts.lost + lostLater;
}

function numbersOf({ gate, gateCounts, nowMs }: GateInput): readonly (number | undefined)[] {
  const {
    isNobodyLeft: _n,
    isUndecided: _u,
    silence: _s,
    trialSilence: _t,
    heapDropPct: _h,
    moreRestartsPct: _m,
    ...counts
  } = gateCounts;
  return [
    nowMs,
    ...Object.values(counts),
    gate.max_failed,
    gate.max_failed_pct,
    gate.max_silent_pct,
    gate.max_lost_pct,
    gate.soak_s,
    gate.min_confirmed + gateCounts.available,
  ];
}

/** In percent. Nothing of nothing is nothing. */
function share(part: number, whole: number): number {
  return part === 0 ? 0 : (part / whole) * 100;
}

function restOf(gateCounts: GateCounts, gate: Gate): string {
  const soak = gate.soak_s === undefined || gate.soak_s === 0 ? '' : ` (${spanOf(gate.soak_s)} each)`;
  const parts = [
    [gateCounts.soaking, `soaking${soak}`],
    [gateCounts.installing, 'installing or on trial'],
    [gateCounts.asleep, 'of them asleep'],
    [gateCounts.otherFailures, 'other failures'],
    [gateCounts.lost + gateCounts.lostLater, 'lost'],
    [gateCounts.silent, 'silent'],
    [gateCounts.open, 'on the way'],
  ] as const;
  return parts.flatMap(([boards, what]) => (boards > 0 ? [`, ${boards} ${what}`] : [])).join('');
}

function spanOf(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
