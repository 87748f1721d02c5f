// What a rehearsal came to: the timeline, the numbers of each stage, and one sentence.

import { assertNever } from '#protocol/errors.ts';
import type { Boards } from './boards.ts';
import type { Engine, Happening } from './engine.ts';

export interface Outcome {
  readonly kind: 'complete' | 'halted' | 'stuck';
  readonly atMs: number;
}

export interface RehearsalResult {
  readonly outcome: Outcome['kind'];
  /** One sentence with the numbers. */
  readonly summary: string;
  /** When it completed, halted, or was given up. */
  readonly ended_after_s: number;
  /** The stage that was open then. */
  readonly stage: string;
  readonly devices: number;
  /** Run the build. */
  readonly updated: number;
  /** Booted the build and rolled it back. */
  readonly hurt: number;
  readonly stages: readonly StageResult[];
  readonly timeline: readonly TimelineEntry[];
}

interface TimelineEntry {
  readonly after_s: number;
  readonly text: string;
  readonly what: Happening['what'] | 'wait';
  readonly actor: Happening['actor'] | null;
  /** What the gate saw; null where none acted. */
  readonly counts: {
    readonly confirmed: number;
    readonly failed: number;
    readonly other_failures: number;
    readonly silent: number;
    readonly on_the_way: number;
  } | null;
}

interface StageResult {
  readonly stage: string;
  /** Null: it never opened. */
  readonly opened_after_s: number | null;
  /** Offered the build in this stage. */
  readonly taken: number;
  readonly confirmed: number;
  readonly failed: number;
  readonly other_failures: number;
  readonly silent: number;
  readonly hurt: number;
}

interface Run {
  readonly options: { readonly devices: number };
  readonly engine: Engine;
  readonly boards: Boards;
  readonly outcome: Outcome;
}

export function resultOf(run: Run): RehearsalResult {
  const { engine, boards, outcome } = run;
  return {
    outcome: outcome.kind,
    summary: summaryOf(run),
    ended_after_s: seconds(outcome.atMs),
    stage: engine.openStage?.plan.name ?? '',
    devices: run.options.devices,
    updated: boards.updated,
    hurt: boards.hurt,
    stages: engine.stages.map(({ plan, openedAtMs, count }) => ({
      stage: plan.name,
      opened_after_s: openedAtMs === undefined ? null : seconds(openedAtMs),
      taken: count.taken,
      confirmed: count.answers.confirmed,
      failed: count.answers.failed,
      other_failures: count.answers.otherFailures,
      silent: count.answers.silent,
      hurt: boards.hurtIn(plan.name),
    })),
    timeline: [...engine.happenings.map(entryOf), ...(outcome.kind === 'stuck' ? [stuckEntry(engine, outcome)] : [])],
  };
}

function entryOf(happening: Happening): TimelineEntry {
  const { atMs, what, actor, tally } = happening;
  return {
    after_s: seconds(atMs),
    text: textOf(happening),
    what,
    actor,
    counts:
      tally === undefined
        ? null
        : {
            confirmed: tally.confirmed,
            failed: tally.failed,
            other_failures: tally.otherFailures,
            silent: tally.silent,
            on_the_way: tally.open,
          },
  };
}

function stuckEntry(engine: Engine, { atMs }: Outcome): TimelineEntry {
  return { after_s: seconds(atMs), text: `waits: ${waitsFor(engine)}`, what: 'wait', actor: null, counts: null };
}

function summaryOf({ engine, boards, outcome, options }: Run): string {
  const { devices } = options;
  const stage = engine.openStage?.plan.name ?? '';
  const hurt = `${boards.hurt} hurt`;
  const updated = `${boards.updated} of ${devices} devices run the build`;
  switch (outcome.kind) {
    case 'complete':
      return `complete: ${updated}, ${hurt}`;
    case 'halted': {
      const reverts = engine.openStage?.plan.gate?.on_halt === 'revert';
      return `halted in stage ${stage}: ${hurt} of ${devices} devices, ${updated}${reverts ? ' and would be sent home' : ''}`;
    }
    case 'stuck':
      return `waits in stage ${stage} for what does not come: ${waitsFor(engine)}; ${updated}, ${hurt}`;
    default:
      return assertNever(outcome.kind);
  }
}

function waitsFor({ verdict, openStage }: Engine): string {
  if (verdict !== undefined) return verdict.text;
  return openStage?.plan.gate === undefined ? 'nobody confirmed, so no person would promote it' : 'no answer yet';
}

function textOf({ what, actor, status, stage, members, reason }: Happening): string {
  const opened = `stage ${stage} opens, ${members} devices so far`;
  switch (what) {
    case 'sample':
      return `stage ${stage}: the sample is confirmed`;
    case 'start':
      return opened;
    case 'promote': {
      const why = actor === 'person' ? `a person would promote (${reason})` : `the gate passed (${reason})`;
      return `${why}: ${status === 'complete' ? 'complete' : opened}`;
    }
    case 'halt':
      return `halted: ${reason}`;
    case 'pause':
    case 'resume':
    case 'abort':
    case 'regress':
    case 'keep':
      return `${what}: ${reason}`;
    default:
      return assertNever(what);
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
