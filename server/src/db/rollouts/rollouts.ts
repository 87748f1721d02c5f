// Rollouts and their stages.

import type { Insertable, Selectable } from 'kysely';
import { assertNever } from '#protocol/errors.ts';
import type { EventType } from '#protocol/admin/events.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import { addEvents } from '#server/db/events/events.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, RolloutsTable, StagesTable, Trx } from '#server/db/schema.ts';

export type Rollout = Selectable<RolloutsTable> & { readonly version: string };
export type Stage = Selectable<StagesTable>;
export type NewStage = Omit<Insertable<StagesTable>, 'rollout_id'>;

export const withVersion = (db: Reader) =>
  db
    .selectFrom('rollouts')
    .innerJoin('firmware', 'firmware.id', 'rollouts.firmware_id')
    .selectAll('rollouts')
    .select('firmware.version');

export async function findRollout(db: Reader, name: string): Promise<Rollout | undefined> {
  return withVersion(db).where('rollouts.name', '=', name).executeTakeFirst();
}

export async function findRolloutById(db: Reader, id: number): Promise<Rollout | undefined> {
  return withVersion(db).where('rollouts.id', '=', id).executeTakeFirst();
}

/** Rollouts of the product that are running, paused or halted. */
export async function listOpenRolloutsOf(db: Reader, product: string): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.product', '=', product)
    .where('rollouts.status', 'in', ['running', 'paused', 'halted'])
    .orderBy('rollouts.id')
    .execute();
}

/** A build that goes out again is not rolled back any more. */
export async function forgetReverts(trx: Trx, firmwareId: number): Promise<void> {
  await trx.updateTable('rollouts').set({ reverted_at_ms: null }).where('firmware_id', '=', firmwareId).execute();
}

/** Rollouts that run or are complete, and of which a device holds an open offer. */
export async function listInFlight(db: Reader): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.status', 'in', ['running', 'complete'])
    .where('rollouts.id', 'in', (nested) =>
      nested.selectFrom('assignments').select('assignments.rollout_id').where(IS_IN_FLIGHT),
    )
    .orderBy('rollouts.id')
    .execute();
}

/** Rollouts of one firmware that have not ended, or that regressed: somebody still has to say what becomes of those. */
export async function listUnended(db: Reader, firmwareId: number): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.firmware_id', '=', firmwareId)
    .where('rollouts.status', 'in', ['draft', 'running', 'paused', 'halted', 'regressed'])
    .execute();
}

/** Rollouts that have not ended and aim at this label in one of their stages. */
export async function listUnendedByLabel(db: Reader, label: string): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.id', 'in', (nested) =>
      nested.selectFrom('stages').select('stages.rollout_id').where('stages.label', '=', label),
    )
    .where('rollouts.status', 'in', ['draft', 'running', 'paused', 'halted'])
    .execute();
}

export async function listRollouts(
  db: Reader,
  filter: { readonly product: string | undefined; readonly status: Rollout['status'] | undefined },
  page: Page,
): Promise<Paged<Rollout>> {
  let query = withVersion(db);
  if (filter.product !== undefined) query = query.where('rollouts.product', '=', filter.product);
  if (filter.status !== undefined) query = query.where('rollouts.status', '=', filter.status);
  return runPage(query, page, { id: 'rollouts.id' });
}

export async function addRollout(
  trx: Trx,
  rollout: Insertable<RolloutsTable>,
  stages: readonly NewStage[],
  actor: string,
): Promise<number> {
  const { id } = await trx.insertInto('rollouts').values(rollout).returning('id').executeTakeFirstOrThrow();
  await trx
    .insertInto('stages')
    .values(stages.map((stage) => ({ ...stage, rollout_id: id })))
    .execute();
  const added = await getRolloutById(trx, id);
  const data = { actor, plan: added.plan };
  await addEvents(trx, [
    { ...namesOf(added), type: 'rollout.created', at_ms: added.created_at_ms, stage: null, from_state: null, data },
  ]);
  return id;
}

/** Who changed a rollout and why, for its event. */
export interface ChangedBy {
  readonly actor: string;
  readonly reason?: string | undefined;
  readonly nowMs: number;
}

export async function saveRollout(
  trx: Trx,
  id: number,
  change: Partial<
    Pick<
      Rollout,
      | 'status'
      | 'stage'
      | 'target_label'
      | 'started_at_ms'
      | 'ended_at_ms'
      | 'ended_reason'
      | 'halted_at_ms'
      | 'halted_reason'
      | 'reverted_at_ms'
      | 'resumed_at_ms'
      | 'watch_until_ms'
      | 'regressed_at_ms'
      | 'regressed_reason'
      | 'counts_before_ms'
      | 'counts_simulated'
    >
  >,
  by: ChangedBy,
): Promise<void> {
  const before = await getRolloutById(trx, id);
  await trx.updateTable('rollouts').set(change).where('id', '=', id).execute();
  const after = { ...before, ...change };
  const type = moveOf(before, after);
  if (type === undefined) return;
  const data = {
    status: after.status,
    from_stage: before.stage,
    actor: by.actor,
    reason: by.reason,
    revert: typeof change.reverted_at_ms === 'number' ? true : undefined,
  };
  await addEvents(trx, [
    { ...namesOf(before), type, at_ms: by.nowMs, stage: after.stage, from_state: before.status, data },
  ]);
}

/** The event that a change of status or stage is; undefined where neither changed. */
function moveOf(
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

export async function listStages(db: Reader, rolloutIds: readonly number[]): Promise<readonly Stage[]> {
  if (rolloutIds.length === 0) return [];
  return db
    .selectFrom('stages')
    .selectAll()
    .where('rollout_id', 'in', [...rolloutIds])
    .orderBy('rollout_id')
    .orderBy('position')
    .execute();
}

/** Labels that were added before count for it, also those that a clock which has gone back since dated later. */
export async function openStage(trx: Trx, rolloutId: number, name: Stage['name'], nowMs: number): Promise<void> {
  const opened = await trx
    .updateTable('stages')
    .set({ opened_at_ms: nowMs })
    .where('rollout_id', '=', rolloutId)
    .where('name', '=', name)
    .returningAll()
    .execute();
  await addStageEvents(trx, 'stage.opened', opened, nowMs);
  await trx.updateTable('device_labels').set({ put_at_ms: nowMs }).where('put_at_ms', '>', nowMs).execute();
}

export async function closeOpenStages(trx: Trx, rolloutId: number, nowMs: number): Promise<void> {
  const closed = await trx
    .updateTable('stages')
    .set({ closed_at_ms: nowMs })
    .where('rollout_id', '=', rolloutId)
    .where('opened_at_ms', 'is not', null)
    .where('closed_at_ms', 'is', null)
    .returningAll()
    .execute();
  await addStageEvents(trx, 'stage.closed', closed, nowMs);
}

async function addStageEvents(trx: Trx, type: EventType, stages: readonly Stage[], nowMs: number): Promise<void> {
  for (const { rollout_id, name, label, percentage } of stages) {
    const names = namesOf(await getRolloutById(trx, rollout_id));
    await addEvents(trx, [
      { ...names, type, at_ms: nowMs, stage: name, from_state: null, data: { label, percentage } },
    ]);
  }
}

function namesOf({ name, product, version }: Rollout) {
  return { rollout: name, product, version };
}

async function getRolloutById(db: Reader, id: number): Promise<Rollout> {
  return withVersion(db).where('rollouts.id', '=', id).executeTakeFirstOrThrow();
}

/** Devices of the product that have the label of a stage; every device of the product where that is `general`. */
export interface Labelled {
  readonly label: string;
  readonly product: string;
  readonly isGeneral: boolean;
  readonly labelledUntilMs: number;
}

/** For a stage of less than all of them: which devices it takes is not for SQL to say. */
export async function listLabelledMacs(db: Reader, stage: Labelled): Promise<readonly string[]> {
  return (await labelled(db, stage).select('devices.mac').execute()).map(({ mac }) => mac);
}

function labelled(db: Reader, stage: Labelled) {
  const devices = db.selectFrom('devices').where('devices.product', '=', stage.product);
  if (stage.isGeneral) return devices;
  return devices.where('devices.id', 'in', (nested) =>
    nested
      .selectFrom('device_labels')
      .innerJoin('labels', 'labels.id', 'device_labels.label_id')
      .select('device_labels.device_id')
      .where('labels.name', '=', stage.label)
      .where('device_labels.put_at_ms', '<=', stage.labelledUntilMs),
  );
}

/** Before the first stage has opened: it and every other stage for the label of the pilot are for this label instead. */
export async function setPilotLabel(
  trx: Trx,
  rollout: Pick<Rollout, 'id' | 'pilot_label'>,
  label: string,
): Promise<void> {
  await trx.updateTable('rollouts').set({ pilot_label: label }).where('id', '=', rollout.id).execute();
  await trx
    .updateTable('stages')
    .set({ label })
    .where('rollout_id', '=', rollout.id)
    .where('label', '=', rollout.pilot_label)
    .where('opened_at_ms', 'is', null)
    .execute();
}
