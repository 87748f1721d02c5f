// Schedules: those of the file and those made through the API, with when each runs next.

import type { Insertable, Selectable } from 'kysely';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, SchedulesTable, Trx } from '#server/db/schema.ts';

export type Schedule = Selectable<SchedulesTable>;

export async function findSchedule(db: Reader, name: string): Promise<Schedule | undefined> {
  return db.selectFrom('schedules').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listSchedules(db: Reader, page: Page): Promise<Paged<Schedule>> {
  return runPage(db.selectFrom('schedules').selectAll('schedules'), page, { id: 'schedules.id' });
}

export async function listSchedulesFrom(db: Reader, source: Schedule['source']): Promise<readonly Schedule[]> {
  return db.selectFrom('schedules').selectAll().where('source', '=', source).execute();
}

/** Those that run again, or are windows. */
export async function listEnabled(db: Reader): Promise<readonly Schedule[]> {
  return db
    .selectFrom('schedules')
    .selectAll()
    .where('enabled', '=', 1)
    .where('done_at_ms', 'is', null)
    .orderBy('name')
    .limit(1_000)
    .execute();
}

export async function listDue(db: Reader, nowMs: number): Promise<readonly Schedule[]> {
  return db
    .selectFrom('schedules')
    .selectAll()
    .where('enabled', '=', 1)
    .where('next_run_at_ms', '<=', nowMs)
    .orderBy('next_run_at_ms')
    .limit(100)
    .execute();
}

/** Enabled ones whose next run is still to come. */
export async function getWaiting(db: Reader, nowMs: number): Promise<readonly Schedule[]> {
  return db
    .selectFrom('schedules')
    .selectAll()
    .where('enabled', '=', 1)
    .where('next_run_at_ms', '>', nowMs)
    .orderBy('next_run_at_ms', 'desc')
    .limit(1_000)
    .execute();
}

/** Promotions that wait for a gate. */
export async function listPending(db: Reader): Promise<readonly Schedule[]> {
  return db
    .selectFrom('schedules')
    .selectAll()
    .where('enabled', '=', 1)
    .where('pending_since_ms', 'is not', null)
    .orderBy('pending_since_ms')
    .limit(1_000)
    .execute();
}

/** Promotions of this rollout (of this stage alone, where one is named) are over; to be called when that stage is. */
export async function endPromotions(
  trx: Trx,
  { rollout, stage }: { readonly rollout: string; readonly stage: string | undefined },
  result: string,
  nowMs: number,
): Promise<void> {
  let query = trx
    .updateTable('schedules')
    .set({ done_at_ms: nowMs, next_run_at_ms: null, pending_since_ms: null, last_result: result })
    .where('action', '=', 'promote')
    .where('rollout', '=', rollout)
    .where('done_at_ms', 'is', null);
  if (stage !== undefined) query = query.where('from_stage', '=', stage);
  await query.execute();
}

/** A rollout has come that schedules were waiting for: they mean its first stage. */
export async function nameStage(trx: Trx, rollout: string, stage: string): Promise<void> {
  await trx
    .updateTable('schedules')
    .set({ from_stage: stage })
    .where('action', '=', 'promote')
    .where('rollout', '=', rollout)
    .where('from_stage', 'is', null)
    .execute();
}

export async function addSchedule(trx: Trx, schedule: Insertable<SchedulesTable>): Promise<void> {
  await trx.insertInto('schedules').values(schedule).execute();
}

export async function saveSchedule(trx: Trx, id: number, change: Partial<Omit<Schedule, 'id'>>): Promise<void> {
  await trx.updateTable('schedules').set(change).where('id', '=', id).execute();
}

/** Takes one due run for this server process; false where another process has taken it. */
export async function claimRun(
  trx: Trx,
  schedule: Schedule,
  change: Pick<Schedule, 'next_run_at_ms'>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('schedules')
    .set(change)
    .where('id', '=', schedule.id)
    .where('enabled', '=', 1)
    .where('next_run_at_ms', '=', schedule.next_run_at_ms)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function deleteSchedule(trx: Trx, id: number): Promise<void> {
  await trx.deleteFrom('schedules').where('id', '=', id).execute();
}

/** Schedules whose last run was refused or missed. */
export async function listTroubled(db: Reader): Promise<readonly Schedule[]> {
  return db
    .selectFrom('schedules')
    .selectAll()
    .where((e) => e.or([e('last_result', 'like', 'refused%'), e('last_result', 'like', 'missed%')]))
    .orderBy('name')
    .limit(50)
    .execute();
}
