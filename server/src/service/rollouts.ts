// Rollouts for operators and schedules: create, list, and one door for every command that moves a rollout.

import type { Rollout } from '#protocol/admin-api.ts';
import { assertNever, OtterError } from '#protocol/errors.ts';
import { DEFAULT_PLAN, findShrinking, type Plan } from '#protocol/plan.ts';
import { DEFAULT_PRODUCT, GENERAL_LABEL } from '#protocol/words.ts';
import { acknowledgeFailed, supersedeOpen } from '#server/db/assignments.ts';
import { addAudit } from '#server/db/audit.ts';
import { raiseRevision } from '#server/db/catalog.ts';
import { addLabel } from '#server/db/labels.ts';
import {
  addRollout,
  closeOpenStages,
  findOpenRollout,
  findRollout,
  listRollouts as listRows,
  listStages,
  openStage,
  setPilotLabel,
  type Rollout as RolloutRow,
  saveRollout,
} from '#server/db/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { advance, type RolloutCommand, type RolloutState } from '#server/rollout/advance.ts';
import type { Deps } from './deps.ts';
import { getRow as getFirmwareRow, refuseBlocked, subjectOf } from './firmware.ts';
import { type Listed, type ListQuery, readPage, toListed } from './list.ts';
import { getPlan } from './plans.ts';
import { viewRollouts } from './rollout-view.ts';

export interface NewRollout {
  readonly version: string;
  readonly product?: string | undefined;
  readonly name?: string | undefined;
  readonly plan?: string | undefined;
  readonly pilot_label?: string | undefined;
}

/** Who asks, and why, for the audit. */
export interface Command {
  readonly command: RolloutCommand;
  readonly actor: string;
  readonly reason?: string | undefined;
  /** Starts with this pilot label instead of the rollout's own. */
  readonly pilotLabel?: string | undefined;
}

export async function listRollouts(
  deps: Deps,
  query: ListQuery & { readonly product?: string | undefined; readonly status?: Rollout['status'] | undefined },
  nowMs: number,
): Promise<Listed<Rollout>> {
  const { read } = deps.database;
  const columns = { created_at: 'rollouts.created_at_ms', name: 'rollouts.name' };
  const page = await listRows(
    read,
    { product: query.product, status: query.status },
    readPage(query, columns, '-created_at'),
  );
  return toListed(page, await viewRollouts(deps, read, page.rows, nowMs));
}

/** Throws `rollout_unknown`. */
export async function getRollout(deps: Deps, name: string, nowMs: number): Promise<Rollout> {
  await deps.presence.flush();
  const { read } = deps.database;
  return viewOne(deps, read, name, nowMs);
}

/**
 * A draft with the stages of its plan. Labels of stages are made if they are new. Throws `plan_unknown`,
 * `firmware_unknown`, `firmware_blocked`, `name_taken`, `name_reserved`, `field_invalid`.
 */
export async function createRollout(deps: Deps, request: NewRollout, nowMs: number): Promise<Rollout> {
  const plan = getPlan(deps.settings, request.plan ?? DEFAULT_PLAN);
  const stages: Plan['stages'] =
    request.pilot_label === undefined ? plan.stages : withPilotLabel(plan.stages, request.pilot_label);
  const pilotLabel = stages[0]?.label ?? GENERAL_LABEL;
  return deps.database.write(async (trx) => {
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
        seed: Math.floor(deps.random() * 2 ** 32),
        stage: null,
        created_at_ms: nowMs,
        started_at_ms: null,
        ended_at_ms: null,
        ended_reason: null,
        halted_at_ms: null,
        halted_reason: null,
      },
      stages.map(({ name: stage, label, percentage, promotion, gate }, index) => ({
        position: index + 1,
        name: stage,
        label,
        percentage,
        promotion,
        gate: gate === undefined ? null : JSON.stringify(gate),
        sample_reached_at_ms: null,
        opened_at_ms: null,
        closed_at_ms: null,
      })),
    );
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'admin',
      action: 'rollout.create',
      subject: name,
      details: { firmware: subjectOf(firmware), plan: plan.name, pilot_label: pilotLabel },
    });
    return viewOne(deps, trx, name, nowMs);
  });
}

/** Moves a rollout. Throws `rollout_unknown`, `invalid_transition`, and at start `not_pilot_ready`, `firmware_blocked`, `rollout_conflict`. */
export async function commandRollout(deps: Deps, name: string, command: Command, nowMs: number): Promise<Rollout> {
  await deps.presence.flush();
  return deps.database.write(async (trx) => {
    await moveRollout(trx, name, command, nowMs);
    return viewOne(deps, trx, name, nowMs);
  });
}

/** The same inside the transaction of a caller (a scheduled run). */
export async function moveRollout(trx: Trx, name: string, request: Command, nowMs: number): Promise<void> {
  await raiseRevision(trx);
  const row = await getRow(trx, name);
  const stages = await listStages(trx, [row.id]);
  const names = stages.map((stage) => stage.name);
  const moved = advance({ status: row.status, stage: row.stage ?? undefined }, request.command, names);
  if (!moved.ok)
    throw new OtterError(
      'invalid_transition',
      `rollout ${name} cannot ${request.command}: ${moved.why}`,
      nextCommands(row),
    );
  if (request.command === 'start') await refuseStart(trx, row);
  if (row.status === 'halted' && request.command === 'resume') refuseWithoutReason(row, request);
  if (request.pilotLabel !== undefined) {
    refusePilotLabel(stages, request.pilotLabel);
    await addLabel(trx, { name: request.pilotLabel, description: 'stage of a rollout', nowMs });
    await setPilotLabel(trx, row, request.pilotLabel);
  }
  await saveMove(trx, row, request, moved.next, nowMs);
  await addAudit(trx, {
    atMs: nowMs,
    actor: request.actor,
    action: `rollout.${request.command}`,
    subject: name,
    details: {
      from: { status: row.status, stage: row.stage },
      to: moved.next,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    },
  });
}

async function saveMove(trx: Trx, row: RolloutRow, request: Command, next: RolloutState, nowMs: number): Promise<void> {
  const { status, stage } = next;
  const changesStage = (stage ?? null) !== row.stage;
  const ends = status === 'complete' || status === 'aborted';
  if (changesStage || ends) await closeOpenStages(trx, row.id, nowMs);
  if (changesStage && stage !== undefined) await openStage(trx, row.id, stage, nowMs);
  const open = (await listStages(trx, [row.id])).find(({ name }) => name === stage);
  if (status === 'aborted') await supersedeOpen(trx, row.id, nowMs);
  // Whoever resumes has seen the failures so far. Marked one by one: a time would be wrong when the clock is moved.
  if (row.status === 'halted' && status === 'running') await acknowledgeFailed(trx, row.id);
  await saveRollout(trx, row.id, {
    status,
    stage: stage ?? null,
    target_label: open?.label ?? row.target_label,
    started_at_ms: row.started_at_ms ?? (status === 'running' ? nowMs : null),
    ended_at_ms: ends ? nowMs : null,
    ended_reason: ends ? (request.reason ?? null) : null,
    ...haltOf(row, request, status, nowMs),
  });
}

/** A halt is remembered until somebody resumes. */
function haltOf(row: RolloutRow, request: Command, status: RolloutRow['status'], nowMs: number): Partial<RolloutRow> {
  if (status === 'halted') return { halted_at_ms: nowMs, halted_reason: request.reason ?? null };
  if (row.status !== 'halted' || status !== 'running') return {};
  return { halted_at_ms: null, halted_reason: null };
}

function refuseWithoutReason(row: RolloutRow, request: Command): void {
  if (request.reason !== undefined && request.reason.trim() !== '') return;
  throw new OtterError(
    'reason_missing',
    `rollout ${row.name} is halted: ${row.halted_reason ?? ''}`,
    'say why it may go on all the same: the failures seen so far do not count any more then',
  );
}

async function refuseStart(trx: Trx, row: RolloutRow): Promise<void> {
  const firmware = await getFirmwareRow(trx, row);
  refuseBlocked(firmware);
  if (firmware.pilot_ready !== 1) {
    throw new OtterError(
      'not_pilot_ready',
      `firmware ${subjectOf(firmware)} is not marked pilot ready`,
      `try it on a board of your own, then: otter firmware ready ${firmware.version}`,
    );
  }
  const open = await findOpenRollout(trx, row.product);
  if (open !== undefined) {
    throw new OtterError(
      'rollout_conflict',
      `rollout ${open.name} (${open.version}) of product ${row.product} is ${open.status}`,
      `complete or abort ${open.name} first: one open rollout per product`,
    );
  }
}

/** What may be done with a rollout in its present state, for the hint of a refusal. */
function nextCommands(row: RolloutRow): string {
  switch (row.status) {
    case 'draft':
      return 'start or abort it';
    case 'running':
      return 'promote, pause or abort it';
    case 'paused':
      return 'resume or abort it';
    case 'halted':
      return 'resume it with a reason, or abort it';
    case 'complete':
    case 'aborted':
      return 'create a new rollout';
    default:
      return assertNever(row.status);
  }
}

/**
 * The stages with another label for the pilot: that of the first stage, wherever it stands. Throws `name_reserved`, and
 * `field_invalid` where the plan has no pilot or would take devices away again.
 */
function withPilotLabel(stages: Plan['stages'], label: string): Plan['stages'] {
  refusePilotLabel(stages, label);
  const before = stages[0]?.label;
  return stages.map((stage) => (stage.label === before ? Object.assign({}, stage, { label }) : stage));
}

function refusePilotLabel(
  stages: readonly Pick<Plan['stages'][number], 'name' | 'label' | 'percentage'>[],
  label: string,
) {
  if (label === GENERAL_LABEL)
    throw new OtterError(
      'name_reserved',
      `the label ${GENERAL_LABEL} means every device`,
      'choose the label of a few devices as pilot',
    );
  const before = stages[0]?.label;
  if (before === GENERAL_LABEL)
    throw new OtterError(
      'field_invalid',
      'pilot_label: the plan begins with every device, it has no pilot',
      'leave the label out, or take a plan with a pilot',
    );
  const labels = stages.map(({ label: own, percentage }) => ({ label: own === before ? label : own, percentage }));
  const shrinking = stages[findShrinking(labels)];
  if (shrinking !== undefined)
    throw new OtterError(
      'field_invalid',
      `pilot_label: stage ${shrinking.name} would take fewer devices with label ${label} than a stage before it`,
      'choose a label that the plan does not use',
    );
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

async function getRow(db: Reader, name: string): Promise<RolloutRow> {
  const row = await findRollout(db, name);
  if (row === undefined)
    throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list of rollouts');
  return row;
}

async function viewOne(deps: Deps, db: Reader, name: string, nowMs: number): Promise<Rollout> {
  const [rollout] = await viewRollouts(deps, db, [await getRow(db, name)], nowMs);
  if (rollout === undefined) throw new Error('a rollout without a view');
  return rollout;
}
