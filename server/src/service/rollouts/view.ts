// A rollout with what became of the boards of its stages, as operators see it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Value } from 'typebox/value';
import type { Rollout, RolloutSummary } from '#protocol/admin/rollouts.ts';
import { PlanWindow } from '#protocol/admin/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { columnsOf } from '#engine/stage/counts.ts';
import { countBoards, type StageGroup } from '#server/db/rollouts/board-counts.ts';
import {
  type Rollout as RolloutRow,
  type Stage,
  type StagedRollout,
  withStages,
} from '#server/db/rollouts/rollouts.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import { gateOf, judge, type JudgedRollout } from '#server/service/gates/judge.ts';
import { viewNote } from '#server/service/names/stored-note.ts';
import { textOf } from './walk.ts';
import type { Waiting } from '#server/service/gates/waiting-boards.ts';

/** For the status: who waits is left open where a large fleet was not looked at yet, so that nobody waits for that. */
export async function viewKnown(deps: Deps, rows: readonly RolloutRow[], nowMs: number): Promise<Rollout[]> {
  return oneByOne(deps, rows, async (row) => viewWith(deps, row, async () => deps.waiting.known(row), nowMs));
}

/** For a list: what became of the boards that were offered the build. Reads no device. */
export async function summarize(deps: Deps, rows: readonly RolloutRow[], nowMs: number): Promise<RolloutSummary[]> {
  return oneByOne(deps, rows, async (row) => {
    const groups = await (isLive(row, nowMs) ? countBoards(deps.database.read, row.id) : countUnjudged(deps, row));
    return { ...(await viewHead(deps, row, nowMs)), stages: row.stages.map((stage) => summarizeStage(stage, groups)) };
  });
}

/** Each is some reading, and check-ins have their turn in between. */
async function oneByOne<View>(
  deps: Deps,
  rows: readonly RolloutRow[],
  viewOne: (row: StagedRollout) => Promise<View>,
): Promise<View[]> {
  const views: View[] = [];
  for (const row of await withStages(deps.database.read, rows)) {
    views.push(await viewOne(row));
    await nextTurn();
  }
  return views;
}

/** Never inside a write: it may look at every board, and check-ins would wait for that. */
export async function viewRollout(deps: Deps, row: StagedRollout, nowMs: number): Promise<Rollout> {
  return viewWith(deps, row, async () => deps.waiting.count(row), nowMs);
}

async function viewWith(
  deps: Deps,
  row: StagedRollout,
  countWaiting: () => Promise<Waiting | undefined>,
  nowMs: number,
): Promise<Rollout> {
  const isJudged = isLive(row, nowMs);
  const judged = isJudged ? await judge(deps, deps.database.read, row, nowMs) : undefined;
  const groups = judged?.stages.flatMap((stage) => stage.groups) ?? (await countUnjudged(deps, row));
  // Of one that is over nobody is waited for: late boards follow what is stable.
  const waiting = isOpen(row.status) || row.status === 'draft' ? await countWaiting() : NOBODY_WAITS;
  const stages = row.stages.map((stage) => viewStage(stage, { judged, groups, waiting }));
  const leftOut = waiting?.leftOut ?? [];
  return {
    ...(await viewHead(deps, row, nowMs)),
    left_out: leftOut.map(({ reason, devices, examples }) => ({
      reason,
      text: textOf(reason),
      devices,
      examples: [...examples],
    })),
    stages,
    warnings: waiting === undefined ? [] : [...warnOfEmptyStage(row, stages, waiting), ...warnOfNobody(row, waiting)],
  };
}

async function viewHead(deps: Deps, row: RolloutRow, nowMs: number) {
  return {
    name: row.name,
    product: row.product,
    version: row.version,
    status: row.status,
    plan: row.plan,
    consent: row.consent,
    force_after_s: row.force_after_s,
    stage: row.stage,
    target_label: row.target_label,
    pilot_label: row.pilot_label,
    created_at: toInstant(row.created_at_ms),
    started_at: toInstantOrNull(row.started_at_ms),
    ended_at: toInstantOrNull(row.ended_at_ms),
    ended_reason: row.ended_reason,
    halted_at: toInstantOrNull(row.halted_at_ms),
    halted_reason: row.halted_reason,
    watched_until: isWatched(row, nowMs) ? toInstantOrNull(row.watch_until_ms) : null,
    regressed_at: toInstantOrNull(row.regressed_at_ms),
    regressed_reason: row.regressed_reason,
    reverted_at: toInstantOrNull(row.reverted_at_ms),
    reverts_to: row.reverted_at_ms === null ? null : await priorStableOf(deps, row),
    note: viewNote(row),
  };
}

/** Somebody may still act on what its boards do. */
function isLive(row: RolloutRow, nowMs: number): boolean {
  return isOpen(row.status) || row.status === 'regressed' || isWatched(row, nowMs);
}

/** A draft, or one that is over: what its last boards did is nobody's to act on. */
async function countUnjudged(deps: Deps, { id, status }: RolloutRow): Promise<readonly StageGroup[]> {
  const { read } = deps.database;
  return status === 'draft' ? countBoards(read, id) : deps.ended.count(read, id);
}

interface Found {
  readonly judged: JudgedRollout | undefined;
  readonly groups: readonly StageGroup[];
  /** Undefined: nobody knows yet. */
  readonly waiting: Waiting | undefined;
}

function viewStage(stage: Stage, { judged, groups, waiting }: Found): Rollout['stages'][number] {
  const verdict = judged?.verdicts.get(stage.name);
  const asleep = judged?.stages.find(({ name }) => name === stage.name)?.gateCounts.asleep ?? 0;
  const waits = waiting?.byStage.get(stage.name) ?? { counted: 0, uncounted: 0 };
  const columns = columnsOf(groupsOf(stage, groups), waits.counted);
  return {
    ...viewStageHead(stage),
    gate: gateOf(stage) ?? null,
    window: windowOf(stage) ?? null,
    max_in_flight: stage.max_in_flight,
    max_offers_per_minute: stage.max_offers_per_minute,
    verdict: verdict === undefined ? null : { state: verdict.state, text: verdict.text },
    outcomes: {
      ...columns,
      ...(waiting === undefined ? { targeted: null, waiting: null } : {}),
      uncounted: columns.uncounted + waits.uncounted,
      asleep,
    },
  };
}

function summarizeStage(stage: Stage, groups: readonly StageGroup[]): RolloutSummary['stages'][number] {
  const { targeted: offered, waiting: _, uncounted: _uncounted, ...columns } = columnsOf(groupsOf(stage, groups), 0);
  return { ...viewStageHead(stage), outcomes: { offered, ...columns } };
}

function groupsOf({ id }: Stage, groups: readonly StageGroup[]): readonly StageGroup[] {
  return groups.filter(({ stageId }) => stageId === id);
}

function viewStageHead(stage: Stage) {
  return {
    stage: stage.name,
    label: stage.label,
    percentage: stage.percentage,
    promotion: stage.promotion,
    opened_at: toInstantOrNull(stage.opened_at_ms),
    closed_at: toInstantOrNull(stage.closed_at_ms),
  };
}

const NOBODY_WAITS: Waiting = { byStage: new Map(), leftOut: [], included: new Set() };

/** Complete, and its boards are still looked at. */
function isWatched({ status, watch_until_ms }: RolloutRow, nowMs: number): boolean {
  return status === 'complete' && watch_until_ms !== null && nowMs < watch_until_ms;
}

export function windowOf({ window }: Stage): PlanWindow | undefined {
  return window === null ? undefined : Value.Parse(PlanWindow, JSON.parse(window));
}

/** While nobody is in the first stage it shows nothing, and the next one may be everybody. */
function warnOfEmptyStage(
  { status, stage, product }: RolloutRow,
  stages: Rollout['stages'],
  { included }: Waiting,
): string[] {
  const [first] = stages;
  const isAhead = status === 'draft' || (isOpen(status) && stage === first?.stage);
  if (first === undefined || !isAhead || (first.outcomes.targeted ?? 0) + first.outcomes.uncounted > 0) return [];
  if (included.has(first.stage)) return [];
  const { label, percentage } = first;
  if (label === GENERAL_LABEL || percentage < 100)
    return [
      `nobody is in stage ${first.stage}: ${percentage < 100 ? `${percentage} % of ` : ''}${label} takes no device of product ${product} yet`,
    ];
  return [
    status === 'draft'
      ? `nobody is in stage ${first.stage}: no device of product ${product} has label ${label}; label one before the start: otter device label MAC ${label}`
      : `nobody is in stage ${first.stage}: no device of product ${product} had label ${label} when it opened, and one that gets it now counts from the next stage on; abort the rollout, label a device (otter device label MAC ${label}), and create it again`,
  ];
}

/** Of a draft whose stages have devices, but none that the build would go to. */
function warnOfNobody({ status, name, version }: RolloutRow, { byStage, leftOut, included }: Waiting): string[] {
  const taken = [...byStage.values()].reduce((sum, { counted, uncounted }) => sum + counted + uncounted, 0);
  if (status !== 'draft' || taken > 0 || included.size === 0) return [];
  const reasons = leftOut.map(({ reason, devices }) => `${devices} with ${reason}`);
  return [
    `rollout ${name} takes nobody: every device of its stages ${reasons.length === 0 ? '' : `is left out (${reasons.join(', ')}) or `}runs ${version} or a newer version; otter rollout preview ${name} says which`,
  ];
}

/** The version that devices on the build of this rollout are offered instead. */
async function priorStableOf(deps: Deps, row: RolloutRow): Promise<string | null> {
  const view = await deps.catalog.current();
  const firmware = view.findFirmware(row.product, row.version);
  return (firmware === undefined ? undefined : view.priorStableOf(firmware)?.firmware.version) ?? null;
}
