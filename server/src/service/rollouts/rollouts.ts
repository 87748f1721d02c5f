// Rollouts for operators and schedules: list, and one door for every command that moves a rollout.

import type { WayBack } from '#protocol/admin/firmware.ts';
import type { Rollout, RolloutSummary } from '#protocol/admin/rollouts.ts';
import { assertNever, OtterError } from '#protocol/errors.ts';
import { supersedeOpen } from '#server/db/device/assignments.ts';
import { acknowledgeFailed } from '#server/db/device/failed-assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { addLabel } from '#server/db/fleet/labels.ts';
import {
  findRollout,
  findStaged,
  forgetReverts,
  listRollouts as listRows,
  type Rollout as RolloutRow,
  setPilotLabel,
  type StagedRollout,
} from '#server/db/rollouts/rollouts.ts';
import { findVoters } from '#server/db/fleet/devices.ts';
import { countsBeforeMs } from '#engine/outcome/vote.ts';
import { DEFAULT_WATCH_S } from '#protocol/limits.ts';
import { endPromotions } from '#server/db/schedules/schedules.ts';
import { coverImages, findCompletedFor } from '#server/db/rollouts/images.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { advance, type RolloutCommand, type RolloutState } from '#engine/stage/advance.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { getRow as getFirmwareRow, refuseBlocked, subjectOf } from '#server/service/firmware/firmware.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { findOverlaps, type Overlap } from './overlap.ts';
import { refusePilotLabel, relabel } from './pilot-label.ts';
import { stageHealth, viewHealth } from '#server/service/gates/health.ts';
import { openStagesOf, storeMove } from './store-move.ts';
import { summarize, viewRollout } from './view.ts';
import { wayBackOfRevert } from './way-back.ts';

/** Who asks, and why, for the audit. */
export interface Command {
  readonly command: RolloutCommand;
  readonly by: Principal;
  readonly reason?: string | undefined;
  /** Starts with this pilot label instead of the rollout's own. */
  readonly pilotLabel?: string | undefined;
  /** Starts although another open rollout wants the same devices: that one ends for them. */
  readonly supersede?: boolean | undefined;
  /** The stage that a promotion means; undefined: the one that is open. */
  readonly from?: string | undefined;
  /** Aborts or halts with the way back: devices that run the build are offered the prior stable one. */
  readonly revert?: boolean | undefined;
  /** What the audit keeps besides. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

export async function listRollouts(
  deps: Deps,
  query: ListQuery & { readonly product?: string | undefined; readonly status?: Rollout['status'] | undefined },
  nowMs: number,
): Promise<Listed<RolloutSummary>> {
  const { read } = deps.database;
  const columns = { created_at: 'rollouts.created_at_ms', name: 'rollouts.name' };
  const page = await listRows(
    read,
    { product: query.product, status: query.status },
    readPage(query, columns, '-created_at'),
  );
  return toListed(page, await summarize(deps, page.rows, nowMs));
}

/** Throws `rollout_unknown`. */
export async function getRollout(deps: Deps, name: string, nowMs: number): Promise<Rollout> {
  await deps.presence.flush();
  const { read } = deps.database;
  const row = await getStaged(read, name);
  const view = await viewRollout(deps, row, nowMs);
  return { ...view, stages: await addHealth(read, row, view.stages, nowMs) };
}

/** What boards show against how they were before, for each stage that has opened. */
async function addHealth(
  db: Reader,
  { id: rolloutId, stages }: StagedRollout,
  views: Rollout['stages'],
  nowMs: number,
): Promise<Rollout['stages']> {
  return Promise.all(
    views.map(async (view) => {
      const stage = stages.find((one) => one.name === view.stage);
      if (stage === undefined || view.opened_at === null) return view;
      return { ...view, health: viewHealth(await stageHealth(db, { rolloutId, stageId: stage.id }, nowMs)) };
    }),
  );
}

/** Moves a rollout. Throws `rollout_unknown`, `invalid_transition`, and at start `not_pilot_ready`, `firmware_blocked`, `rollout_conflict`. */
export async function commandRollout(deps: Deps, name: string, command: Command, nowMs: number): Promise<Rollout> {
  await deps.presence.flush();
  await deps.database.write(async (trx) => moveRollout(trx, name, command, nowMs));
  // Behind the transaction: to look at every board would keep all check-ins waiting.
  return viewOne(deps, name, nowMs);
}

/** The same inside the transaction of a caller (a scheduled run). */
export async function moveRollout(trx: Trx, name: string, asked: Command, nowMs: number): Promise<void> {
  await raiseRevision(trx);
  await moveLocked(trx, await getStaged(trx, name), asked, nowMs);
}

/** The same of a rollout that was read after the revision was raised: nobody else moves it meanwhile. */
export async function moveLocked(trx: Trx, row: StagedRollout, asked: Command, nowMs: number): Promise<void> {
  const { name, stages } = row;
  const request = { ...asked, revert: await mayRevert(trx, row, asked) };
  if (request.command === 'undo' && row.reverted_at_ms !== null)
    throw new OtterError(
      'invalid_transition',
      `rollout ${name} is taken back already`,
      `see who is on the way back: otter rollout show ${name}`,
    );
  const names = stages.map((stage) => stage.name);
  const moved = advance({ status: row.status, stage: row.stage ?? undefined }, request.command, names);
  if (!moved.ok)
    throw new OtterError(
      'invalid_transition',
      `rollout ${name} cannot ${request.command}: ${moved.why}`,
      nextCommands(row),
    );
  if (request.pilotLabel !== undefined) refusePilotLabel(stages, request.pilotLabel);
  const overlaps = request.command === 'start' ? await checkStart(trx, row, request) : [];
  if (row.status === 'halted' && request.command === 'resume') refuseWithoutReason(row, row.halted_reason, request);
  if (request.command === 'keep') refuseWithoutReason(row, row.regressed_reason, request);
  if (request.revert && request.command !== 'halt') await refuseRevert(trx, row);
  for (const { rollout } of overlaps.filter(({ isWhole }) => isWhole))
    await moveLocked(
      trx,
      await getStaged(trx, rollout.name),
      { command: 'abort', by: request.by, reason: `superseded by ${name}` },
      nowMs,
    );
  if (request.command === 'start') {
    await forgetReverts(trx, row.firmware_id);
    await coverImages(trx, row);
  }
  if (request.pilotLabel !== undefined) {
    await addLabel(trx, { name: request.pilotLabel, description: 'stage of a rollout', nowMs });
    await setPilotLabel(trx, row, request.pilotLabel);
  }
  await saveMove(trx, relabelled(row, request), request, moved.next, nowMs);
  await endSchedules(trx, row, moved.next, nowMs);
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(request.by),
    action: `rollout.${request.command}`,
    subject: name,
    details: {
      from: { status: row.status, stage: row.stage },
      to: moved.next,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
      ...(overlaps.length === 0 ? {} : { supersedes: overlaps.map(({ rollout }) => rollout.name) }),
      ...(request.revert ? { revert: true } : {}),
      ...request.details,
    },
  });
}

/** As `setPilotLabel` stores it, before any stage has opened. */
function relabelled(row: StagedRollout, { pilotLabel }: Command): StagedRollout {
  return pilotLabel === undefined ? row : { ...row, stages: relabel(row.stages, pilotLabel) };
}

async function saveMove(
  trx: Trx,
  row: StagedRollout,
  request: Command,
  next: RolloutState,
  nowMs: number,
): Promise<void> {
  const { status, stage } = next;
  const changesStage = (stage ?? null) !== row.stage;
  const ends = status === 'complete' || status === 'aborted';
  const open = row.stages.find(({ name }) => name === stage);
  if (status === 'aborted') await supersedeOpen(trx, row.id, nowMs);
  // Whoever resumes or keeps has seen the failures so far. Marked one by one: a time would be wrong when the clock is moved.
  if ((row.status === 'halted' && status === 'running') || request.command === 'keep')
    await acknowledgeFailed(trx, row.id);
  const change = {
    status,
    stage: stage ?? null,
    target_label: open?.label ?? row.target_label,
    started_at_ms: row.started_at_ms ?? (status === 'running' ? nowMs : null),
    ended_at_ms: row.ended_at_ms ?? (ends ? nowMs : null),
    ended_reason: ends && request.command !== 'keep' ? (request.reason ?? row.ended_reason) : row.ended_reason,
    ...haltOf(row, request, status, nowMs),
    ...watchOf(row, request, status, nowMs),
    ...(request.command === 'start' ? await votesOf(trx, row, nowMs) : {}),
    ...(request.revert ? { reverted_at_ms: nowMs } : {}),
  };
  const closes = changesStage || ends ? openStagesOf(row) : [];
  const opens = changesStage ? open : undefined;
  const undone = request.command === 'undo' ? ('rollout.undone' as const) : undefined;
  await storeMove(
    trx,
    row,
    { change, closes, opens, type: undone },
    { actor: actorOf(request.by), reason: request.reason, nowMs },
  );
}

/** A schedule that promotes means one stage, and is over with it. */
async function endSchedules(trx: Trx, row: RolloutRow, next: RolloutState, nowMs: number): Promise<void> {
  const { name: rollout, stage } = row;
  const isPromoted = next.status === 'complete' ? row.status === 'running' : next.stage !== (stage ?? undefined);
  if (stage !== null && isPromoted)
    await endPromotions(trx, { rollout, stage }, `done: stage ${stage} is promoted`, nowMs);
  if (next.status !== 'complete' && next.status !== 'aborted') return;
  await endPromotions(trx, { rollout, stage: undefined }, `done: rollout ${rollout} is ${next.status}`, nowMs);
}

/** A halt is remembered until somebody resumes. */
function haltOf(row: RolloutRow, request: Command, status: RolloutRow['status'], nowMs: number): Partial<RolloutRow> {
  if (status === 'halted') return { halted_at_ms: nowMs, halted_reason: request.reason ?? null };
  if (request.command !== 'resume') return {};
  if (row.status !== 'halted') return { resumed_at_ms: nowMs };
  return {
    halted_at_ms: null,
    halted_reason: null,
    reverted_at_ms: null,
    resumed_at_ms: nowMs,
  };
}

/**
 * A rollout that completes is watched; one that is kept, for what was left of its watch. One that started before rollouts were
 * watched (nothing was stored of whose boards count) is not: nobody chose a watch for it.
 */
function watchOf(
  row: RolloutRow,
  { command, reason }: Command,
  status: RolloutRow['status'],
  nowMs: number,
): Partial<RolloutRow> {
  if (command === 'regress') return { regressed_at_ms: nowMs, regressed_reason: reason ?? null };
  if (command === 'keep') return { regressed_at_ms: null, regressed_reason: null };
  if (command !== 'promote' || status !== 'complete' || row.counts_before_ms === null) return {};
  return { watch_until_ms: nowMs + (row.watch_s ?? DEFAULT_WATCH_S) * 1000 };
}

/** Whose boards count in its gates, as it stands when it starts. */
async function votesOf(trx: Trx, row: RolloutRow, nowMs: number): Promise<Partial<RolloutRow>> {
  const { firstSeenAtMs, hasReal } = await findVoters(trx, row.product);
  return { counts_before_ms: countsBeforeMs(firstSeenAtMs, nowMs), counts_simulated: hasReal ? 0 : 1 };
}

function refuseWithoutReason(row: RolloutRow, why: string | null, request: Command): void {
  if (request.reason !== undefined && request.reason.trim() !== '') return;
  throw new OtterError(
    'reason_missing',
    `rollout ${row.name} is ${row.status}: ${why ?? ''}`,
    'say why it may go on all the same: the failures seen so far do not count any more then',
  );
}

/** Throws unless it may start; resolves with the rollouts that it supersedes. */
async function checkStart(trx: Trx, row: StagedRollout, request: Command): Promise<readonly Overlap[]> {
  const firmware = await getFirmwareRow(trx, row);
  refuseBlocked(firmware);
  if (firmware.pilot_ready !== 1) {
    throw new OtterError(
      'not_pilot_ready',
      `firmware ${subjectOf(firmware)} is not marked pilot ready`,
      `try it on a board of your own, then: otter firmware ready ${firmware.version}`,
    );
  }
  const overlaps = await findOverlaps(trx, row, relabelled(row, request).stages);
  const [first] = overlaps;
  if (first !== undefined && request.supersede !== true) {
    const { rollout, devices, example } = first;
    throw new OtterError(
      'rollout_conflict',
      `rollout ${rollout.name} (${rollout.version}) of product ${row.product} is ${rollout.status} and wants the same devices: ${devices} now${example === undefined ? '' : `, for example ${example}`}`,
      `complete or abort ${rollout.name} first, or start with supersede: ${rollout.name} then ends for those devices`,
    );
  }
  return overlaps;
}

/** A gate that takes a build back leaves it where it is stable by another rollout: then it is what boards go back to. */
async function mayRevert(trx: Trx, row: RolloutRow, { command, revert }: Command): Promise<boolean> {
  if (command === 'undo') return true;
  if (revert !== true) return false;
  return command !== 'halt' || (await findCompletedFor(trx, row)) === undefined;
}

async function refuseRevert(db: Reader, row: RolloutRow): Promise<void> {
  const completed = await findCompletedFor(db, row);
  if (completed !== undefined)
    throw new OtterError(
      'invalid_transition',
      `rollout ${row.name} cannot be reverted: rollout ${completed} of ${row.version} completed, so it is itself what devices roll back to`,
      `abort it without the way back, or take the build back: otter firmware block ${row.version}`,
    );
}

/** What an abort with the way back would do, or did where it was said. Throws `rollout_unknown`, `invalid_transition`. */
export async function previewRevert(deps: Deps, name: string): Promise<WayBack> {
  const { read } = deps.database;
  const row = await getRow(read, name);
  if (row.reverted_at_ms === null) await refuseRevert(read, row);
  return wayBackOfRevert(deps, row);
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
    case 'regressed':
      return 'undo it, block its firmware, or keep it with a reason';
    case 'complete':
    case 'aborted':
      return row.reverted_at_ms === null ? 'create a new rollout, or undo this one' : 'create a new rollout';
    default:
      return assertNever(row.status);
  }
}

/** Throws `rollout_unknown`. */
async function getRow(db: Reader, name: string): Promise<RolloutRow> {
  const row = await findRollout(db, name);
  if (row === undefined) throw unknownRollout(name);
  return row;
}

function unknownRollout(name: string): OtterError {
  return new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list of rollouts');
}

/** The same with its stages. */
export async function getStaged(db: Reader, name: string): Promise<StagedRollout> {
  const row = await findStaged(db, { name });
  if (row === undefined) throw unknownRollout(name);
  return row;
}

/** Throws `rollout_unknown`. */
export async function viewOne(deps: Deps, name: string, nowMs: number): Promise<Rollout> {
  return viewRollout(deps, await getStaged(deps.database.read, name), nowMs);
}
