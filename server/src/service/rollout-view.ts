// A rollout with the adoption of its stages, as operators see it.

import { Value } from 'typebox/value';
import type { Rollout } from '#protocol/admin-api.ts';
import { PlanWindow } from '#protocol/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import {
  countLabelled,
  countStates,
  listLabelledMacs,
  listStages,
  type Rollout as RolloutRow,
  type Stage,
} from '#server/db/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { adoptionOf } from '#engine/stage/adoption.ts';
import { isWithinPercentage } from '#engine/facts/bucket.ts';
import type { Deps } from './deps.ts';
import { silentBeforeMs } from './devices.ts';
import { toInstant, toInstantOrNull } from './instant.ts';
import { gateOf, judgeRollout } from './stage-tally.ts';

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
  return Promise.all(rows.map(async (row) => viewRollout(deps, db, row, stages.get(row.id) ?? [], nowMs)));
}

async function viewRollout(
  deps: Deps,
  db: Reader,
  row: RolloutRow,
  stages: readonly Stage[],
  nowMs: number,
): Promise<Rollout> {
  const counts = await countStates(db, row.id, silentBeforeMs(deps.settings, nowMs));
  const judged = isOpen(row.status) ? await judgeRollout(deps.settings, db, row, nowMs) : undefined;
  const views = stages.map(async (stage) => {
    const ofStage = counts
      .filter(({ stage_id }) => stage_id === stage.id)
      .map((count) => ({ state: count.state, isSilent: count.is_silent === 1, devices: count.count }));
    return {
      stage: stage.name,
      label: stage.label,
      percentage: stage.percentage,
      promotion: stage.promotion,
      gate: gateOf(stage) ?? null,
      window: windowOf(stage) ?? null,
      max_in_flight: stage.max_in_flight,
      max_offers_per_minute: stage.max_offers_per_minute,
      verdict: judged?.stage.id === stage.id ? { state: judged.verdict.state, text: judged.verdict.text } : null,
      opened_at: toInstantOrNull(stage.opened_at_ms),
      closed_at: toInstantOrNull(stage.closed_at_ms),
      adoption: adoptionOf(await targeted(db, row, stage, nowMs), ofStage),
    };
  });
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
    reverted_at: toInstantOrNull(row.reverted_at_ms),
    reverts_to: row.reverted_at_ms === null ? null : await priorStableOf(deps, db, row),
    stages: await Promise.all(views),
  };
}

export function windowOf({ window }: Stage): PlanWindow | undefined {
  return window === null ? undefined : Value.Parse(PlanWindow, JSON.parse(window));
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

/** A stage that is not open yet is counted as if it opened now. */
async function targeted(db: Reader, row: RolloutRow, stage: Stage, nowMs: number): Promise<number> {
  const who = {
    label: stage.label,
    product: row.product,
    isGeneral: stage.label === GENERAL_LABEL,
    labelledUntilMs: stage.opened_at_ms ?? nowMs,
  };
  if (stage.percentage >= 100) return countLabelled(db, who);
  const macs = await listLabelledMacs(db, who);
  return macs.filter((mac) => isWithinPercentage(row.seed, mac, stage.percentage)).length;
}
