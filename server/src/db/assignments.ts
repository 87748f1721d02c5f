// Assignments and the append-only log of what happened to them.

import { type Insertable, type Selectable, sql } from 'kysely';
import type { AssignmentState, Load } from '#engine/facts/model.ts';
import type { Dialect } from './database.ts';
import { addAssignmentEvents } from './events.ts';
import { type Page, type Paged, runPage } from './paging.ts';
import type { AssignmentsTable, DownloadLogTable, Reader, Trx } from './schema.ts';

export type Assignment = Selectable<AssignmentsTable>;
export type AssignmentView = Assignment & {
  readonly mac: string;
  readonly rollout: string;
  readonly stage: string;
  readonly product: string;
  readonly version: string;
};
export type LogEntry = Insertable<DownloadLogTable>;

const OPEN = ['offered', 'downloading', 'downloaded', 'installing', 'trial'] satisfies readonly AssignmentState[];

export async function findAssignment(
  db: Reader,
  id: number,
): Promise<(Assignment & { readonly mac: string }) | undefined> {
  return db
    .selectFrom('assignments')
    .innerJoin('devices', 'devices.id', 'assignments.device_id')
    .selectAll('assignments')
    .select('devices.mac')
    .where('assignments.id', '=', id)
    .executeTakeFirst();
}

/** The same, held until the end of the transaction. SQLite needs no lock: it has one writer at a time. */
export async function lockAssignment(trx: Trx, dialect: Dialect, id: number): ReturnType<typeof findAssignment> {
  if (dialect === 'postgres')
    await trx.selectFrom('assignments').select('id').where('id', '=', id).forUpdate().execute();
  return findAssignment(trx, id);
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

export async function saveProgress(
  trx: Trx,
  id: number,
  progress: Pick<
    Assignment,
    'state' | 'ran_build' | 'confirm_claimed' | 'error_code' | 'boot_cause' | 'detail' | 'excused' | 'updated_at_ms'
  >,
): Promise<void> {
  const { updated_at_ms: atMs, state, error_code, boot_cause, detail } = progress;
  const excused = progress.excused === 1 ? true : undefined;
  await addAssignmentEvents(trx, { atMs, state, data: { error_code, boot_cause, detail, excused } }, (changed) =>
    changed.where('assignments.id', '=', id),
  );
  await trx.updateTable('assignments').set(progress).where('id', '=', id).execute();
}

/**
 * Lets transactions that make offers of paced stages follow one another, whatever several servers do at once. To be called
 * first, because PostgreSQL shows a transaction what was committed before its first query; this is none.
 */
export async function waitForTurn(trx: Trx, dialect: Dialect): Promise<void> {
  // SQLite has one writer at a time. Reading and writing the table goes on meanwhile.
  if (dialect === 'postgres') await sql`lock table stages in share update exclusive mode`.execute(trx);
}

/** In the words of the index, for an index of some rows is used only where the query says which. */
export const IS_IN_FLIGHT = sql<boolean>`state in ('offered', 'downloading', 'downloaded', 'installing', 'trial')`;

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

/** Ends every open assignment of a rollout; devices in the middle of one still report and are still seen. */
export async function supersedeOpen(trx: Trx, rolloutId: number, nowMs: number): Promise<number> {
  await addAssignmentEvents(trx, { atMs: nowMs, state: 'superseded' }, (ended) =>
    ended
      .where('assignments.rollout_id', '=', rolloutId)
      .where('assignments.state', 'in', ['offered', 'downloading', 'downloaded', 'installing', 'trial']),
  );
  const { numUpdatedRows } = await trx
    .updateTable('assignments')
    .set({ state: 'superseded', updated_at_ms: nowMs })
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', OPEN)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}

/** Every attempt of a rollout that has failed so far: its gate counts only those that fail from now on. */
export async function acknowledgeFailed(trx: Trx, rolloutId: number): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ acknowledged: 1 })
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', ['failed', 'rolled_back', 'rejected'] satisfies readonly AssignmentState[])
    .execute();
}

/** The number of attempts so far of this build on this device. */
export async function countAttempts(trx: Trx, deviceId: number, firmwareId: number): Promise<number> {
  const { count } = await trx
    .selectFrom('assignments')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('device_id', '=', deviceId)
    .where('firmware_id', '=', firmwareId)
    .executeTakeFirstOrThrow();
  return count;
}

/** Ended-badly assignments of a device that still count, of one firmware where it is named. */
export async function listFailed(db: Reader, deviceId: number, firmwareId?: number): Promise<readonly Assignment[]> {
  const query = db
    .selectFrom('assignments')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('forgiven', '=', 0)
    .where('state', 'in', ['failed', 'rolled_back', 'rejected', 'timed_out'] satisfies readonly AssignmentState[]);
  return (firmwareId === undefined ? query : query.where('firmware_id', '=', firmwareId)).orderBy('id').execute();
}

export async function forgive(trx: Trx, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .updateTable('assignments')
    .set({ forgiven: 1 })
    .where('id', 'in', [...ids])
    .execute();
}

export async function listAssignments(
  db: Reader,
  filter: {
    readonly rollout?: string | undefined;
    readonly mac?: string | undefined;
    readonly state?: AssignmentState | undefined;
  },
  page: Page,
): Promise<Paged<AssignmentView>> {
  let query = db
    .selectFrom('assignments')
    .innerJoin('devices', 'devices.id', 'assignments.device_id')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .innerJoin('stages', 'stages.id', 'assignments.stage_id')
    .innerJoin('firmware', 'firmware.id', 'assignments.firmware_id')
    .selectAll('assignments')
    .select([
      'devices.mac',
      'rollouts.name as rollout',
      'stages.name as stage',
      'firmware.product',
      'firmware.version',
    ]);
  if (filter.rollout !== undefined) query = query.where('rollouts.name', '=', filter.rollout);
  if (filter.mac !== undefined) query = query.where('devices.mac', '=', filter.mac);
  if (filter.state !== undefined) query = query.where('assignments.state', '=', filter.state);
  return runPage(query, page, { id: 'assignments.id' });
}

export async function addLog(trx: Trx, entry: LogEntry): Promise<void> {
  await trx.insertInto('download_log').values(entry).execute();
}

/** Adds a report unless its sequence is known; resolves with whether it is new. */
export async function addReport(trx: Trx, entry: LogEntry & { readonly sequence: number }): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('download_log')
    .values(entry)
    .onConflict((conflict) =>
      conflict.columns(['assignment_id', 'sequence']).where('sequence', 'is not', null).doNothing(),
    )
    .executeTakeFirstOrThrow();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function findLatestAssignmentId(db: Reader, deviceId: number): Promise<number | undefined> {
  const { id } = await db
    .selectFrom('assignments')
    .select((e) => e.fn.max('id').as('id'))
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  return id ?? undefined;
}
