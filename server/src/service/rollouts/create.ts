// A new rollout: a draft with a copy of the stages of its plan.

import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OtterError } from '#protocol/errors.ts';
import { DEFAULT_PLAN, type Plan } from '#protocol/admin/plan.ts';
import { DEFAULT_PRODUCT, GENERAL_LABEL } from '#protocol/words.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addEvents } from '#server/db/events/events.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { addLabel } from '#server/db/fleet/labels.ts';
import { addRollout, findRollout, type NewStage } from '#server/db/rollouts/rollouts.ts';
import { nameStage } from '#server/db/schedules/schedules.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { getRow as getFirmwareRow, refuseBlocked, subjectOf } from '#server/service/firmware/firmware.ts';
import { withPilotLabel } from './pilot-label.ts';
import { getPlan } from './plans.ts';
import { viewOne } from './rollouts.ts';

export interface NewRollout {
  readonly version: string;
  readonly product?: string | undefined;
  readonly name?: string | undefined;
  readonly plan?: string | undefined;
  readonly pilot_label?: string | undefined;
}

/**
 * A draft with the stages of its plan. Labels of stages are made if they are new. Throws `plan_unknown`,
 * `firmware_unknown`, `firmware_blocked`, `name_taken`, `name_reserved`, `field_invalid`.
 */
export async function createRollout(deps: Deps, request: NewRollout, by: Principal, nowMs: number): Promise<Rollout> {
  const plan = await getPlan(deps, request.plan ?? DEFAULT_PLAN);
  const stages: Plan['stages'] =
    request.pilot_label === undefined ? plan.stages : withPilotLabel(plan.stages, request.pilot_label);
  const pilotLabel = stages[0]?.label ?? GENERAL_LABEL;
  const created = await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const firmware = await getFirmwareRow(trx, request);
    refuseBlocked(firmware);
    const name = request.name ?? (await freeName(trx, firmware, plan));
    if ((await findRollout(trx, name)) !== undefined)
      throw new OtterError('name_taken', `rollout ${name} exists`, 'choose another name');
    for (const label of labelsOf(stages))
      await addLabel(trx, { name: label, description: 'stage of a rollout', nowMs });
    await addRollout(
      trx,
      {
        name,
        firmware_id: firmware.id,
        product: firmware.product,
        pilot_label: pilotLabel,
        target_label: pilotLabel,
        status: 'draft',
        plan: plan.name,
        watch_s: plan.watch_s ?? null,
        consent: plan.consent ?? null,
        force_after_s: plan.force_after_s ?? null,
        seed: Math.floor(deps.random() * 2 ** 32),
        stage: null,
        created_at_ms: nowMs,
        started_at_ms: null,
        ended_at_ms: null,
        ended_reason: null,
        halted_at_ms: null,
        halted_reason: null,
        reverted_at_ms: null,
        resumed_at_ms: null,
      },
      stages.map(toColumns),
    );
    await addEvents(trx, [
      {
        type: 'rollout.created',
        at_ms: nowMs,
        product: firmware.product,
        rollout: name,
        version: firmware.version,
        stage: null,
        from_state: null,
        data: { actor: actorOf(by), plan: plan.name },
      },
    ]);
    await nameStage(trx, name, stages[0]?.name ?? '');
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'rollout.create',
      subject: name,
      details: { firmware: subjectOf(firmware), plan: plan.name, pilot_label: pilotLabel },
    });
    return name;
  });
  // Behind the transaction: to look at every board would keep all check-ins waiting.
  return viewOne(deps, created, nowMs);
}

function toColumns(stage: Plan['stages'][number], index: number): NewStage {
  const { name, label, percentage, promotion, gate, window } = stage;
  return {
    position: index + 1,
    name,
    label,
    percentage,
    promotion,
    gate: gate === undefined ? null : JSON.stringify(gate),
    window: window === undefined ? null : JSON.stringify(window),
    max_in_flight: stage.max_in_flight ?? null,
    max_offers_per_minute: stage.max_offers_per_minute ?? null,
    sample_reached_at_ms: null,
    opened_at_ms: null,
    closed_at_ms: null,
  };
}

function labelsOf(stages: Plan['stages']): readonly string[] {
  return [...new Set(stages.map(({ label }) => label))].filter((label) => label !== GENERAL_LABEL);
}

/** The version, with product and plan where they are named ones; with a number where that rollout was there before. */
async function freeName(
  db: Reader,
  firmware: { readonly product: string; readonly version: string },
  plan: Plan,
): Promise<string> {
  const parts = [
    ...(firmware.product === DEFAULT_PRODUCT ? [] : [firmware.product]),
    firmware.version,
    ...(plan.name === DEFAULT_PLAN ? [] : [plan.name]),
  ];
  const base = parts.join('-');
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if ((await findRollout(db, name)) === undefined) return name;
  }
}
