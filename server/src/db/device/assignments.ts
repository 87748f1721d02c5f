// Assignments: one build offered to one device, and what became of it.

import type { DeviceId, DeviceRef } from '#protocol/identity.ts';
import { idOf } from '#server/db/fleet/device-names.ts';
import { type ExpressionBuilder, type Insertable, type Selectable, sql } from 'kysely';
import { OPEN_STATES } from '#engine/assignment/assignment.ts';
import type { AssignmentState, Load } from '#engine/facts/model.ts';
import type { Dialect } from '#server/db/database.ts';
import { addAssignmentEvents, addOutcomeEvents } from '#server/db/events/events.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { AssignmentsTable, Reader, Schema, Trx } from '#server/db/schema.ts';

export type AssignmentRow = Selectable<AssignmentsTable>;
export type ListedAssignmentRow = AssignmentRow & {
  readonly first_name: string;
  readonly given_name: string | null;
  readonly rollout: string;
  readonly stage: string;
  readonly product: string;
  readonly version: string;
};

/** Where a device is said: undefined also for an assignment of another one. */
export async function findAssignment(db: Reader, id: number, device?: DeviceRef): Promise<AssignmentRow | undefined> {
  const query = db.selectFrom('assignments').selectAll().where('id', '=', id);
  return (device === undefined ? query : query.where('device_id', '=', idOf(device))).executeTakeFirst();
}

/** The same, held until the end of the transaction. SQLite needs no lock: it has one writer at a time. */
export async function lockAssignment(
  trx: Trx,
  dialect: Dialect,
  id: number,
  device?: DeviceRef,
): Promise<AssignmentRow | undefined> {
  if (dialect === 'postgres')
    await trx.selectFrom('assignments').select('id').where('id', '=', id).forUpdate().execute();
  return findAssignment(trx, id, device);
}

export async function addAssignment(trx: Trx, assignment: Insertable<AssignmentsTable>): Promise<number> {
  const { id } = await trx.insertInto('assignments').values(assignment).returning('id').executeTakeFirstOrThrow();
  await addAssignmentEvents(
    trx,
    {
      atMs: assignment.offered_at_ms,
      state: assignment.state,
      isNew: true,
      data: { attempt: assignment.attempt, rollback: assignment.is_rollback === 1 },
    },
    (added) => added.where('assignments.id', '=', id),
  );
  return id;
}

export async function saveAssignment(trx: Trx, id: number, assignment: SavedAssignment, atMs: number): Promise<void> {
  const { state, outcome, error_code, boot_cause, detail, crashes } = assignment;
  const excused = assignment.excused === 1 ? true : undefined;
  await addAssignmentEvents(
    trx,
    { atMs: assignment.updated_at_ms, state, data: { error_code, boot_cause, detail, excused } },
    (changed) => changed.where('assignments.id', '=', id),
  );
  await addOutcomeEvents(
    trx,
    { atMs, state, outcome, data: outcome === 'crashing' ? { crashes, boot_cause } : {} },
    (changed) => changed.where('assignments.id', '=', id),
  );
  await trx.updateTable('assignments').set(assignment).where('id', '=', id).execute();
}

/** What changes after the offer. */
export type SavedAssignment = Pick<
  AssignmentRow,
  | 'state'
  | 'ran_build'
  | 'confirm_claimed'
  | 'said_it_left'
  | 'seen_back'
  | 'pardoned'
  | 'excused'
  | 'error_code'
  | 'boot_cause'
  | 'detail'
  | 'updated_at_ms'
  | 'from_version'
  | 'exposed_at_ms'
  | 'confirmed_at_ms'
  | 'healthy_at_ms'
  | 'crashed_at_ms'
  | 'crashes'
  | 'suspect'
  | 'lost_at_ms'
  | 'moved_on_at_ms'
  | 'fault'
  | 'has_left'
  | 'ran_out_since_ms'
  | 'acknowledged'
  | 'counted'
  | 'outcome'
  | 'mark'
>;

/** How many whole images were sent for it. */
export async function saveDownloads(trx: Trx, id: number, downloads: number): Promise<void> {
  await trx.updateTable('assignments').set({ downloads }).where('id', '=', id).execute();
}

/** The latest assignment of the device in the rollout, the way back apart. */
export async function findLatestOf(
  trx: Trx,
  deviceId: DeviceId,
  rolloutId: number,
): Promise<AssignmentRow | undefined> {
  return trx
    .selectFrom('assignments')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('rollout_id', '=', rolloutId)
    .where('is_rollback', '=', 0)
    .where('is_latest', '=', 1)
    .executeTakeFirst();
}

export interface StandingBoard {
  readonly stage: string;
  readonly outcome: AssignmentRow['outcome'];
  readonly mark: AssignmentRow['mark'];
  readonly counted: AssignmentRow['counted'];
}

/** What became of these devices in the rollout, of those that hold or held an assignment of it. */
export async function listBoardsOf(
  db: Reader,
  rolloutId: number,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, StandingBoard>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('stages', 'stages.id', 'assignments.stage_id')
    .select([
      'assignments.device_id',
      'stages.name as stage',
      'assignments.outcome',
      'assignments.mark',
      'assignments.counted',
    ])
    .where('assignments.device_id', 'in', [...deviceIds])
    .where('assignments.rollout_id', '=', rolloutId)
    .where('assignments.is_rollback', '=', 0)
    .where('assignments.is_latest', '=', 1)
    .execute();
  return new Map(rows.map(({ device_id, ...board }) => [device_id, board]));
}

/** The assignments that speak for these devices in rollouts whose gates still judge, with whom those count. */
export async function listLatestOf(trx: Trx, deviceIds: readonly DeviceId[]) {
  return trx
    .selectFrom('assignments')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .select([
      'assignments.id',
      'assignments.device_id',
      'assignments.counted',
      'rollouts.counts_before_ms',
      'rollouts.counts_simulated',
    ])
    .where('assignments.device_id', 'in', [...deviceIds])
    .where('assignments.is_latest', '=', 1)
    .where('rollouts.status', '<>', 'aborted')
    .execute();
}

/**
 * Ends the open assignment of each of these devices that has not begun to install it, also its way back where that is said. One that
 * fetches it may install it all the same; it is then seen on it.
 */
export async function supersedeUngiven(
  trx: Trx,
  deviceIds: readonly DeviceId[],
  how: { readonly includesWayBack: boolean; readonly data: Readonly<Record<string, boolean>> },
  nowMs: number,
): Promise<number> {
  const kinds = how.includesWayBack ? ([0, 1] as const) : ([0] as const);
  await addAssignmentEvents(trx, { atMs: nowMs, state: 'superseded', data: how.data }, (ended) =>
    ended
      .where('assignments.device_id', 'in', [...deviceIds])
      .where('assignments.state', 'in', UNGIVEN_STATES)
      .where('assignments.is_rollback', 'in', kinds),
  );
  const { numUpdatedRows } = await trx
    .updateTable('assignments')
    .set((e) => ({ state: 'superseded', updated_at_ms: nowMs, outcome: withdrawnOutcome(e), mark: WITHDRAWN_MARK }))
    .where('device_id', 'in', [...deviceIds])
    .where('state', 'in', UNGIVEN_STATES)
    .where('is_rollback', 'in', kinds)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}

/** Another one of the same kind speaks for the device from now on. */
export async function overtakeLatest(
  trx: Trx,
  of: { readonly deviceId: DeviceId; readonly rolloutId: number; readonly isRollback: boolean },
): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ is_latest: 0 })
    .where('device_id', '=', of.deviceId)
    .where('rollout_id', '=', of.rolloutId)
    .where('is_rollback', '=', of.isRollback ? 1 : 0)
    .where('is_latest', '=', 1)
    .execute();
}

/** The device has confirmed the build of this assignment. */
export async function saveTaken(trx: Trx, deviceId: DeviceId, assignmentId: number): Promise<void> {
  await trx.updateTable('devices').set({ taken_assignment_id: assignmentId }).where('id', '=', deviceId).execute();
}

/**
 * Lets transactions that make offers of paced stages follow one another, whatever several servers do at once. To be called
 * first, because PostgreSQL shows a transaction what was committed before its first query; this is none.
 */
export async function lockRateLimitedOffers(trx: Trx, dialect: Dialect): Promise<void> {
  // SQLite has one writer at a time. Reading and writing the table goes on meanwhile.
  if (dialect === 'postgres') await sql`lock table stages in share update exclusive mode`.execute(trx);
}

/** In the words of the index, for an index of some rows is used only where the query says which. */
export const IS_IN_FLIGHT = sql<boolean>`state in (${sql.join(OPEN_STATES.map((state) => sql.lit(state)))})`;

/** How many devices are in the middle of this rollout, and how many began within the last minute. */
export async function countLoad(db: Reader, rolloutId: number, nowMs: number): Promise<Load> {
  const ofRollout = db
    .selectFrom('assignments')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('rollout_id', '=', rolloutId)
    .where('is_rollback', '=', 0);
  const open = await ofRollout.where(IS_IN_FLIGHT).executeTakeFirstOrThrow();
  const begun = await ofRollout
    .where('offered_at_ms', '>', nowMs - 60_000)
    .where('offered_at_ms', '<=', nowMs)
    .executeTakeFirstOrThrow();
  return { inFlight: open.count, offersInLastMinute: begun.count };
}

const UNGIVEN_STATES = ['offered', 'downloading', 'downloaded'] as const satisfies readonly AssignmentState[];

/** What the engine says of one that is superseded and neither lost nor failed. */
function withdrawnOutcome(e: ExpressionBuilder<Schema, 'assignments'>) {
  return e
    .case()
    .when('outcome', 'in', ['updating', 'on_trial', 'not_now'])
    .then('waiting' as const)
    .else(e.ref('outcome'))
    .end();
}

/** The same of its mark. */
const WITHDRAWN_MARK = sql<
  AssignmentRow['mark']
>`case when outcome not in ('updating', 'on_trial', 'waiting', 'not_now') then mark
  when mark like 'required%' then 'required_again' else 'again' end`;

/** Ends every open assignment of a rollout; devices in the middle of one still report and are still seen. */
export async function supersedeOpen(trx: Trx, rolloutId: number, nowMs: number): Promise<number> {
  await addAssignmentEvents(trx, { atMs: nowMs, state: 'superseded' }, (ended) =>
    ended.where('assignments.rollout_id', '=', rolloutId).where('assignments.state', 'in', OPEN_STATES),
  );
  const { numUpdatedRows } = await trx
    .updateTable('assignments')
    .set((e) => ({
      state: 'superseded',
      updated_at_ms: nowMs,
      outcome: withdrawnOutcome(e),
      mark: WITHDRAWN_MARK,
    }))
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', OPEN_STATES)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}

export async function listAssignments(
  db: Reader,
  filter: {
    readonly rollout?: string | undefined;
    readonly device?: DeviceRef | undefined;
    readonly state?: AssignmentState | undefined;
  },
  page: Page,
): Promise<Paged<ListedAssignmentRow>> {
  let query = db
    .selectFrom('assignments')
    .innerJoin('devices', 'devices.id', 'assignments.device_id')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .innerJoin('stages', 'stages.id', 'assignments.stage_id')
    .innerJoin('firmware', 'firmware.id', 'assignments.firmware_id')
    .selectAll('assignments')
    .select([
      'devices.first_name',
      'devices.given_name',
      'rollouts.name as rollout',
      'stages.name as stage',
      'firmware.product',
      'firmware.version',
    ]);
  if (filter.rollout !== undefined) query = query.where('rollouts.name', '=', filter.rollout);
  if (filter.device !== undefined) query = query.where('assignments.device_id', '=', idOf(filter.device));
  if (filter.state !== undefined) query = query.where('assignments.state', '=', filter.state);
  return runPage(query, page, { id: 'assignments.id' });
}

export async function findLatestAssignmentId(db: Reader, deviceId: DeviceId): Promise<number | undefined> {
  const { id } = await db
    .selectFrom('assignments')
    .select((e) => e.fn.max('id').as('id'))
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  return id ?? undefined;
}
