// A rollout with what became of the boards of its stages, as operators see it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Value } from 'typebox/value';
import type { Rollout } from '#protocol/admin/api.ts';
import { PlanWindow } from '#protocol/admin/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { columnsOf } from '#engine/stage/counts.ts';
import { countBoards, type StageGroup } from '#server/db/rollouts/board-counts.ts';
import { listStages, type Rollout as RolloutRow, type Stage } from '#server/db/rollouts/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import { gateOf, judge, type JudgedRollout } from '#server/service/gates/judge.ts';
import { textOf } from './walk.ts';
import type { Waiting } from '#server/service/gates/waiting-boards.ts';

export async function viewRollouts(
  deps: Deps,
  db: Reader,
  rows: readonly RolloutRow[],
  nowMs: number,
): Promise<Rollout[]> {
  const stages = Map.groupBy(
    await listStages(
      db,
      rows.map(({ id }) => id),
    ),
    ({ rollout_id }) => rollout_id,
  );
  const views: Rollout[] = [];
  // One after the other: each is some reading, and check-ins have their turn in between.
  for (const row of rows) {
    views.push(await viewRollout(deps, db, row, stages.get(row.id) ?? [], nowMs));
    await nextTurn();
  }
  return views;
}

async function viewRollout(
  deps: Deps,
  db: Reader,
  row: RolloutRow,
  stages: readonly Stage[],
  nowMs: number,
): Promise<Rollout> {
  const isLive = isOpen(row.status) || row.status === 'regressed' || isWatched(row, nowMs);
  const judged = isLive ? await judge(deps, db, row, nowMs) : undefined;
  const groups = judged?.stages.flatMap((stage) => stage.groups) ?? (await countUnjudged(deps, db, row));
  const waiting = isLive || row.status === 'draft' ? await deps.waiting.count(row) : NOBODY_WAITS;
  const views = stages.map((stage) => viewStage(stage, { judged, groups, waiting }));
  return {
    name: row.name,
    product: row.product,
    version: row.version,
    status: row.status,
    plan: row.plan,
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
    reverts_to: row.reverted_at_ms === null ? null : await priorStableOf(deps, db, row),
    left_out: waiting.leftOut.map(({ reason, devices, examples }) => ({
      reason,
      text: textOf(reason),
      devices,
      examples: [...examples],
    })),
    stages: views,
    warnings: warnOfEmptyStage(row, views, waiting),
  };
}

/** A draft, or one that is over: what its last boards did is nobody's to act on. */
async function countUnjudged(deps: Deps, db: Reader, { id, status }: RolloutRow): Promise<readonly StageGroup[]> {
  return status === 'draft' ? countBoards(db, id) : deps.ended.count(db, id);
}

interface Found {
  readonly judged: JudgedRollout | undefined;
  readonly groups: readonly StageGroup[];
  readonly waiting: Waiting;
}

function viewStage(stage: Stage, { judged, groups, waiting }: Found): Rollout['stages'][number] {
  const verdict = judged?.verdicts.get(stage.name);
  const asleep = judged?.stages.find(({ name }) => name === stage.name)?.tally.asleep ?? 0;
  const waits = waiting.byStage.get(stage.name) ?? { counted: 0, uncounted: 0 };
  const columns = columnsOf(
    groups.filter(({ stageId }) => stageId === stage.id),
    waits.counted,
  );
  return {
    stage: stage.name,
    label: stage.label,
    percentage: stage.percentage,
    promotion: stage.promotion,
    gate: gateOf(stage) ?? null,
    window: windowOf(stage) ?? null,
    max_in_flight: stage.max_in_flight,
    max_offers_per_minute: stage.max_offers_per_minute,
    verdict: verdict === undefined ? null : { state: verdict.state, text: verdict.text },
    opened_at: toInstantOrNull(stage.opened_at_ms),
    closed_at: toInstantOrNull(stage.closed_at_ms),
    outcomes: { ...columns, uncounted: columns.uncounted + waits.uncounted, asleep },
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
  if (first === undefined || !isAhead || first.outcomes.targeted + first.outcomes.uncounted > 0) return [];
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

/** The version that devices on the build of this rollout go home to. */
async function priorStableOf(deps: Deps, db: Reader, row: RolloutRow): Promise<string | null> {
  const view = isTrx(db) ? await deps.catalog.within(db) : await deps.catalog.current();
  const firmware = view.findFirmware(row.product, row.version);
  return (firmware === undefined ? undefined : view.priorStableOf(firmware)?.firmware.version) ?? null;
}

function isTrx(db: Reader): db is Trx {
  return db.isTransaction;
}
