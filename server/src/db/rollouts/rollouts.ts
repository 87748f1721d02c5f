// Rollouts and their stages.

import type { ExpressionBuilder, Insertable, Selectable } from 'kysely';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, RolloutsTable, Schema, StagesTable, Trx } from '#server/db/schema.ts';

export type Rollout = Selectable<RolloutsTable> & { readonly version: string };
export type Stage = Selectable<StagesTable>;
/** With its stages in their order, those still to open as well. */
export type StagedRollout = Rollout & { readonly stages: readonly Stage[] };
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

/** What the devices of the product were given has its deadline from now on: nothing went on before. */
export async function restartDeadlines(trx: Trx, product: string, nowMs: number): Promise<void> {
  await trx
    .updateTable('rollouts')
    .set({ resumed_at_ms: nowMs })
    .where('product', '=', product)
    .where('status', 'in', ['running', 'paused', 'complete'])
    .execute();
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

/** Resolves with its key. */
export async function addRollout(
  trx: Trx,
  rollout: Insertable<RolloutsTable>,
  stages: readonly NewStage[],
): Promise<number> {
  const { id } = await trx.insertInto('rollouts').values(rollout).returning('id').executeTakeFirstOrThrow();
  await trx
    .insertInto('stages')
    .values(stages.map((stage) => ({ ...stage, rollout_id: id })))
    .execute();
  return id;
}

export type RolloutChange = Partial<
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
>;

export async function saveRollout(trx: Trx, id: number, change: RolloutChange): Promise<void> {
  await trx.updateTable('rollouts').set(change).where('id', '=', id).execute();
}

/** The rollout of this name, or key, with its stages, in one statement. */
export async function findStaged(
  db: Reader,
  which: { readonly name: string } | { readonly id: number },
): Promise<StagedRollout | undefined> {
  const query = withVersion(db)
    .innerJoin('stages', 'stages.rollout_id', 'rollouts.id')
    .select([
      'stages.id as stage_id',
      'stages.name as stage_name',
      'stages.position',
      'stages.label',
      'stages.percentage',
      'stages.promotion',
      'stages.gate',
      'stages.window',
      'stages.max_in_flight',
      'stages.max_offers_per_minute',
      'stages.sample_reached_at_ms',
      'stages.opened_at_ms',
      'stages.closed_at_ms',
    ]);
  const rows = await (
    'name' in which ? query.where('rollouts.name', '=', which.name) : query.where('rollouts.id', '=', which.id)
  )
    .orderBy('stages.position')
    .execute();
  const [rollout] = rows;
  if (rollout === undefined) return undefined;
  const stages = rows.map((row) => ({
    id: row.stage_id,
    rollout_id: row.id,
    name: row.stage_name,
    position: row.position,
    label: row.label,
    percentage: row.percentage,
    promotion: row.promotion,
    gate: row.gate,
    window: row.window,
    max_in_flight: row.max_in_flight,
    max_offers_per_minute: row.max_offers_per_minute,
    sample_reached_at_ms: row.sample_reached_at_ms,
    opened_at_ms: row.opened_at_ms,
    closed_at_ms: row.closed_at_ms,
  }));
  return { ...rollout, stages };
}

/** Each rollout with its stages, in one statement for all of them. */
export async function withStages(db: Reader, rollouts: readonly Rollout[]): Promise<readonly StagedRollout[]> {
  const stages = Map.groupBy(
    await listStages(
      db,
      rollouts.map(({ id }) => id),
    ),
    ({ rollout_id }) => rollout_id,
  );
  return rollouts.map((rollout) => ({ ...rollout, stages: stages.get(rollout.id) ?? [] }));
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

/**
 * Closes stages and opens one. Labels that were added before count for that one, also those that a clock which has gone back
 * since dated later.
 */
export async function saveStages(
  trx: Trx,
  { closes, opens }: { readonly closes: readonly Stage[]; readonly opens: Stage | undefined },
  nowMs: number,
): Promise<void> {
  const closed = closes.map(({ id }) => id);
  const opened = opens === undefined ? [] : [opens.id];
  if (closed.length + opened.length === 0) return;
  await trx
    .updateTable('stages')
    .set((e) => ({
      closed_at_ms: atIf(e, closed, nowMs, 'closed_at_ms'),
      opened_at_ms: atIf(e, opened, nowMs, 'opened_at_ms'),
    }))
    .where('id', 'in', [...closed, ...opened])
    .execute();
  if (opened.length > 0)
    await trx.updateTable('device_labels').set({ put_at_ms: nowMs }).where('put_at_ms', '>', nowMs).execute();
}

/** This instant in the rows with these keys; in others the column stays as it is. */
function atIf(
  e: ExpressionBuilder<Schema, 'stages'>,
  ids: readonly number[],
  nowMs: number,
  column: 'opened_at_ms' | 'closed_at_ms',
) {
  if (ids.length === 0) return e.ref(column);
  return e
    .case()
    .when('id', 'in', [...ids])
    .then(nowMs)
    .else(e.ref(column))
    .end();
}

/** Devices of the product that have the label of a stage; every device of the product where that is `general`. */
export interface Labelled {
  readonly label: string;
  readonly product: string;
  readonly isGeneral: boolean;
  readonly labelledUntilMs: number;
}

/** Their first names, for a stage of less than all of them: which devices it takes is not for SQL to say. */
export async function listLabelledNames(db: Reader, stage: Labelled): Promise<readonly string[]> {
  return (await labelled(db, stage).select('devices.first_name').execute()).map(({ first_name }) => first_name);
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
