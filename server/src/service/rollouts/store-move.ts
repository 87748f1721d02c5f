// Stores what a move of a rollout changes, with the events that tell it, in the transaction of the caller. It decides nothing of
// the move itself.

import { assertNever } from '#protocol/errors.ts';
import type { EventType } from '#protocol/admin/events.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import { hasDynamicStage, keepMembers } from '#server/db/rollouts/stage-members.ts';
import { addEvents, type NewEvent } from '#server/db/events/events.ts';
import {
  type Rollout,
  type RolloutChange,
  saveRollout,
  saveStages,
  type Stage,
  type StagedRollout,
} from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';

/** Keys of devices. */
const KEPT_AT_ONCE = 1_000;

export interface Move {
  readonly change: RolloutChange;
  readonly closes: readonly Stage[];
  readonly opens: Stage | undefined;
  /** How it is told; undefined: by what changes. */
  readonly type?: EventType | undefined;
}

/** Who moves it and why, for the event. */
export interface MovedBy {
  readonly actor: string;
  readonly reason?: string | undefined;
  readonly nowMs: number;
}

/** In at most five statements; more where a stage is for a dynamic label: then who belongs to it is kept. */
export async function storeMove(trx: Trx, before: StagedRollout, move: Move, by: MovedBy): Promise<void> {
  await saveStages(trx, move, by.nowMs);
  if (move.opens !== undefined && (await hasDynamicStage(trx, before.id))) await keepAllMembers(trx, before.id);
  await saveRollout(trx, before.id, move.change);
  await addEvents(trx, eventsOf(before, move, by));
}

/** A thousand devices at a time: a statement over a large fleet would hold up everything else. */
async function keepAllMembers(trx: Trx, rolloutId: number): Promise<void> {
  const lastId = await findLastDeviceId(trx);
  for (let afterId = 0; afterId < lastId; afterId += KEPT_AT_ONCE) {
    await keepMembers(trx, rolloutId, { afterId, untilId: afterId + KEPT_AT_ONCE });
    await nextTurn();
  }
}

/** Stages that are open. */
export function openStagesOf({ stages }: StagedRollout): readonly Stage[] {
  return stages.filter(({ opened_at_ms, closed_at_ms }) => opened_at_ms !== null && closed_at_ms === null);
}

function eventsOf(
  before: StagedRollout,
  { change, closes, opens, type: told }: Move,
  by: MovedBy,
): readonly NewEvent[] {
  const after = { ...before, ...change };
  const type = told ?? typeOfMove(before, after);
  const ofStages = [
    ...closes.map((stage) => eventOfStage(before, 'stage.closed', stage, by.nowMs)),
    ...(opens === undefined ? [] : [eventOfStage(before, 'stage.opened', opens, by.nowMs)]),
  ];
  if (type === undefined) return ofStages;
  const data = {
    status: after.status,
    from_stage: before.stage,
    actor: by.actor,
    reason: by.reason,
    revert: typeof change.reverted_at_ms === 'number' ? true : undefined,
  };
  const moved = { ...namesOf(before), type, at_ms: by.nowMs, stage: after.stage, from_state: before.status, data };
  return [...ofStages, moved];
}

function eventOfStage(
  rollout: Rollout,
  type: 'stage.opened' | 'stage.closed',
  { name, label, percentage }: Stage,
  nowMs: number,
): NewEvent {
  return { ...namesOf(rollout), type, at_ms: nowMs, stage: name, from_state: null, data: { label, percentage } };
}

function namesOf({ name, product, version }: Pick<Rollout, 'name' | 'product' | 'version'>) {
  return { rollout: name, product, version };
}

/** The event that a change of status or stage is; undefined where neither changed. */
function typeOfMove(
  before: Pick<Rollout, 'status' | 'stage'>,
  after: Pick<Rollout, 'status' | 'stage'>,
): EventType | undefined {
  if (after.status === before.status) return after.stage === before.stage ? undefined : 'rollout.promoted';
  switch (after.status) {
    case 'draft':
      return undefined;
    case 'running':
      return before.status === 'draft' ? 'rollout.started' : 'rollout.resumed';
    case 'regressed':
      return 'rollout.regressed';
    case 'paused':
      return 'rollout.paused';
    case 'halted':
      return 'rollout.halted';
    case 'complete':
      return before.status === 'regressed' ? 'rollout.kept' : 'rollout.completed';
    case 'aborted':
      return 'rollout.aborted';
    default:
      return assertNever(after.status);
  }
}
