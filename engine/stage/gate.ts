// The gate of a stage: what the stage must show before the next one opens. An ordered table like that of the rules: the
// first condition that matches decides, and docs/rollout.md prints the same table. Pure. Time alone never passes a gate,
// and a count that is missing never does.

import type { Gate } from '#protocol/plan.ts';

/** What became of the devices of one stage. A device counts once: by its latest attempt that ended, else as open. */
export interface Tally {
  readonly confirmed: number;
  /** Ended badly by a fault that the gate counts, since the last resume. */
  readonly failed: number;
  /** Ended badly by anything else, or before the last resume. */
  readonly otherFailures: number;
  /** Past the deadline of the offer. */
  readonly silent: number;
  readonly open: number;
  /** Devices of the stage that are about, so that they can be part of the sample. */
  readonly available: number;
  /** A stage before it has passed, and none of its devices needs the build any more. */
  readonly isNobodyLeft?: boolean;
  /** When as many were confirmed as the sample asks for; undefined: not yet. */
  readonly sampleReachedAtMs: number | undefined;
}

export interface Verdict {
  readonly state: 'waiting' | 'passed' | 'failed';
  readonly condition: string;
  /** With the numbers. */
  readonly text: string;
}

interface Case {
  readonly gate: Gate;
  readonly tally: Tally;
  readonly nowMs: number;
  readonly sample: number;
  readonly answered: number;
}

interface Condition {
  readonly id: string;
  readonly state: Verdict['state'];
  /** The condition in words, as the documentation prints it. */
  readonly when: string;
  readonly matches: (c: Case) => boolean;
  readonly text: (c: Case) => string;
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
    id: 'max_failed',
    state: 'failed',
    when: 'more devices failed than `max_failed`',
    matches: ({ gate, tally }) => gate.max_failed !== undefined && tally.failed > gate.max_failed,
    text: ({ gate, tally }) => `${tally.failed} failed, at most ${gate.max_failed} may`,
  },
  {
    id: 'max_failed_pct',
    state: 'failed',
    when: 'as many devices answered as the sample asks for, and the share of failed ones among them is above `max_failed_pct`',
    matches: ({ gate, tally, sample, answered }) =>
      gate.max_failed_pct !== undefined &&
      answered >= sample &&
      !(share(tally.failed, answered) <= gate.max_failed_pct),
    text: ({ gate, tally, answered }) => `${tally.failed} of ${answered} failed, at most ${gate.max_failed_pct} % may`,
  },
  {
    id: 'nobody_left',
    state: 'passed',
    when: 'it is not the first stage, and none of its devices needs the build: every one runs it already',
    matches: ({ tally }) => tally.isNobodyLeft === true,
    text: () => 'every device of the stage runs the build already',
  },
  {
    id: 'min_confirmed',
    state: 'waiting',
    when: 'fewer devices are confirmed than the sample asks for: `min_confirmed`, or all that are about where those are fewer, at least 1',
    matches: ({ tally, sample }) => !(tally.confirmed >= sample),
    text: ({ tally, sample }) => `${tally.confirmed} of ${sample} confirmed${restOf(tally)}`,
  },
  {
    id: 'max_silent_pct',
    state: 'waiting',
    when: 'the share of silent devices among those that answered or are silent is above `max_silent_pct`',
    matches: ({ gate, tally, answered }) =>
      gate.max_silent_pct !== undefined && !(share(tally.silent, answered + tally.silent) <= gate.max_silent_pct),
    text: ({ gate, tally, answered }) =>
      `${tally.silent} of ${answered + tally.silent} are silent, at most ${gate.max_silent_pct} % may be`,
  },
  {
    id: 'soak',
    state: 'waiting',
    when: 'less time than `soak_s` has passed since the sample was confirmed',
    matches: (c) => (c.gate.soak_s ?? 0) > 0 && !(soakedS(c) >= (c.gate.soak_s ?? 0)),
    text: (c) =>
      `${c.tally.confirmed} confirmed; soaks for ${Math.ceil((c.gate.soak_s ?? 0) - (soakedS(c) || 0))} s more`,
  },
  {
    id: 'passed',
    state: 'passed',
    when: 'none of these: the gate has passed',
    matches: () => true,
    text: ({ tally, answered }) =>
      `${tally.confirmed} of ${answered} confirmed, ${tally.failed} failed${restOf(tally)}`,
  },
] as const satisfies readonly Condition[];

export function judgeStage(gate: Gate, tally: Tally, nowMs: number): Verdict {
  const answered = tally.confirmed + tally.failed + tally.otherFailures;
  const c = { gate, tally, nowMs, sample: sampleOf(gate, tally.available), answered };
  const condition = CONDITIONS.find(({ matches }) => matches(c)) ?? CONDITIONS[0];
  return { state: condition.state, condition: condition.id, text: condition.text(c) };
}

/** Whether as many devices are confirmed as the sample asks for: from then on the stage soaks. */
export function hasSample(gate: Gate, tally: Omit<Tally, 'sampleReachedAtMs'>): boolean {
  return tally.confirmed >= sampleOf(gate, tally.available);
}

function sampleOf(gate: Gate, available: number): number {
  return Math.max(1, Math.min(gate.min_confirmed, available));
}

function numbersOf({ gate, tally, nowMs }: Case): readonly (number | undefined)[] {
  const { sampleReachedAtMs, isNobodyLeft: _, ...counts } = tally;
  return [
    nowMs,
    sampleReachedAtMs,
    ...Object.values(counts),
    gate.max_failed,
    gate.max_failed_pct,
    gate.max_silent_pct,
    gate.soak_s,
    gate.min_confirmed + tally.available,
  ];
}

/** In percent. Nothing of nothing is nothing. */
function share(part: number, whole: number): number {
  return part === 0 ? 0 : (part / whole) * 100;
}

/** Seconds since the sample was confirmed; not a number while it is not. */
function soakedS({ tally, nowMs }: Case): number {
  return tally.sampleReachedAtMs === undefined ? Number.NaN : (nowMs - tally.sampleReachedAtMs) / 1000;
}

function restOf({ otherFailures, silent, open }: Tally): string {
  const parts = [
    ...(otherFailures > 0 ? [`${otherFailures} other failures`] : []),
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(open > 0 ? [`${open} on the way`] : []),
  ];
  return parts.map((part) => `, ${part}`).join('');
}
