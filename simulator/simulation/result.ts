// What a simulation came to: the timeline, the numbers of each stage, and one sentence.

import { assertNever } from '#protocol/errors.ts';
import type { Columns } from '#engine/stage/counts.ts';
import type { Fleet } from '#simulator/simulation/boards/fleet.ts';
import type { TimelineEntry } from './messages.ts';
import type { RolloutServer } from '#simulator/simulation/server/rollout-server.ts';

export interface Outcome {
  readonly kind: 'complete' | 'halted' | 'regressed' | 'stuck';
  readonly atMs: number;
}

export interface SimulationResult {
  readonly outcome: Outcome['kind'];
  /** One sentence with the numbers. */
  readonly summary: string;
  /** When it completed, halted, regressed, or was given up. */
  readonly ended_after_s: number;
  /** The stage that was open then. */
  readonly stage: string;
  /** `watch`: in the watch after it completed; null: it was not halted. */
  readonly halted_in: string | null;
  /** The gate that halted it, and its condition. */
  readonly gate: string | null;
  readonly condition: string | null;
  readonly devices: number;
  /** Run the build. */
  readonly updated: number;
  /** Were given the build. */
  readonly exposed: number;
  /** Were harmed by it: they went back, crash, or are dead of it. */
  readonly affected: number;
  readonly stages: readonly StageResult[];
  readonly timeline: readonly ResultEntry[];
}

interface ResultEntry {
  readonly after_s: number;
  readonly text: string;
  readonly what: TimelineEntry['what'] | 'wait';
  readonly actor: TimelineEntry['actor'] | null;
  /** What the gate that acted saw in its stage; null where none acted. */
  readonly counts: {
    readonly healthy: number;
    readonly soaking: number;
    readonly failed: number;
    readonly other_failures: number;
    readonly lost: number;
    readonly silent: number;
    readonly on_the_way: number;
  } | null;
  /** What had become of the boards of each stage that was open before it. */
  readonly stages: readonly {
    readonly stage: string;
    readonly healthy: number;
    readonly failed: number;
    readonly crashing: number;
    readonly lost: number;
  }[];
}

interface StageResult {
  readonly stage: string;
  /** Null: it never opened. */
  readonly opened_after_s: number | null;
  /** Of the boards, in the end: the columns that `rollout show` has. */
  readonly outcomes: Columns;
  readonly exposed: number;
  readonly affected: number;
}

interface Run {
  readonly options: { readonly devices: number };
  readonly server: RolloutServer;
  readonly boards: Fleet;
  readonly outcome: Outcome;
  readonly nowMs: number;
}

export function resultOf(run: Run): SimulationResult {
  const { server, boards, outcome, nowMs, options } = run;
  const harm = boards.countHarm(nowMs);
  const stage = server.openStage?.plan.name ?? '';
  const judged = server.timeline.findLast(({ what }) => what === 'halt' || what === 'regress')?.judged;
  const isHalted = outcome.kind === 'halted' || outcome.kind === 'regressed';
  const within = (devices: readonly number[], at: RolloutServer['stages'][number]): number =>
    devices.filter((device) => at.boards.latest.has(device)).length;
  return {
    outcome: outcome.kind,
    summary: summaryOf(run, harm.affected.length),
    ended_after_s: seconds(outcome.atMs),
    stage,
    halted_in: isHalted ? (outcome.kind === 'regressed' ? 'watch' : stage) : null,
    gate: isHalted ? (judged?.stage ?? null) : null,
    condition: isHalted ? (judged?.verdict.condition ?? null) : null,
    devices: options.devices,
    updated: boards.updated,
    exposed: harm.exposed.length,
    affected: harm.affected.length,
    stages: server.stages.map((one) => ({
      stage: one.plan.name,
      opened_after_s: one.openedAtMs === undefined ? null : seconds(one.openedAtMs),
      outcomes: server.columnsOf(one.plan.name),
      exposed: within(harm.exposed, one),
      affected: within(harm.affected, one),
    })),
    timeline: [...server.timeline.map(entryOf), ...(outcome.kind === 'stuck' ? [stuckEntry(server, outcome)] : [])],
  };
}

function entryOf(entry: TimelineEntry): ResultEntry {
  const { atMs, what, actor, judged, columns } = entry;
  const stages = [...columns].map(([stage, { healthy, failed, crashing, lost }]) => ({
    stage,
    healthy,
    failed,
    crashing,
    lost,
  }));
  return { after_s: seconds(atMs), text: textOf(entry), what, actor, counts: countsOfEntry(judged), stages };
}

function countsOfEntry(judged: TimelineEntry['judged']): ResultEntry['counts'] {
  if (judged === undefined) return null;
  const { healthy, soaking, failed, otherFailures, lost, lostLater, silent, open, installing } = judged.gateCounts;
  return {
    healthy,
    soaking,
    failed,
    other_failures: otherFailures,
    lost: lost + lostLater,
    silent,
    on_the_way: open + installing,
  };
}

function stuckEntry(server: RolloutServer, { atMs }: Outcome): ResultEntry {
  return {
    after_s: seconds(atMs),
    text: `waits: ${waitsFor(server)}`,
    what: 'wait',
    actor: null,
    counts: null,
    stages: [],
  };
}

function summaryOf({ server, boards, outcome, options }: Run, affected: number): string {
  const { devices } = options;
  const stage = server.openStage?.plan.name ?? '';
  const updated = `${boards.updated} of ${devices} devices run the build`;
  switch (outcome.kind) {
    case 'complete':
      return `complete: ${updated}, ${affected} affected`;
    case 'halted':
      return `halted in stage ${stage}: ${affected} of ${devices} devices affected, ${updated}`;
    case 'regressed':
      return `regressed after it completed: ${affected} of ${devices} devices affected, ${updated}`;
    case 'stuck':
      return `waits in stage ${stage}, and nothing more happens: ${waitsFor(server)}; ${updated}, ${affected} affected`;
    default:
      return assertNever(outcome.kind);
  }
}

function waitsFor({ verdict, openStage }: RolloutServer): string {
  if (verdict !== undefined) return verdict.text;
  return openStage?.plan.gate === undefined ? 'nobody confirmed, so no person would promote it' : 'no answer yet';
}

function textOf({ what, actor, status, stage, members, reason }: TimelineEntry): string {
  const opened = `stage ${stage} opens, ${members} devices so far`;
  switch (what) {
    case 'start':
      return opened;
    case 'promote': {
      const why = actor === 'person' ? `a person would promote (${reason})` : `the gate passed (${reason})`;
      return `${why}: ${status === 'complete' ? 'complete' : opened}`;
    }
    case 'halt':
      return `halted: ${reason}`;
    case 'regress':
      return `regressed: ${reason}`;
    case 'pause':
    case 'resume':
    case 'abort':
    case 'keep':
    case 'undo':
      return `${what}: ${reason}`;
    default:
      return assertNever(what);
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
