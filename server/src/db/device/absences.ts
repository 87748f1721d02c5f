// When a server was last there (one row that all of them share), and the times in which none was.

import { type ExpressionBuilder, type Insertable, type Selectable, sql } from 'kysely';
import type { AbsencesTable, Reader, Schema, Trx } from '#server/db/schema.ts';

export type AbsenceRow = Selectable<AbsencesTable>;

/** What a server looks at with each tick to see that nothing changed of all this. */
export interface Pulse {
  /** Undefined before the first server has ticked. */
  readonly aliveAtMs: number | undefined;
  /** Another text: the stored absences are others. */
  readonly absences: string;
  /** Steps of the schema: a server that runs hears of a newer one. */
  readonly schema: number;
}

export async function findPulse(db: Reader): Promise<Pulse> {
  return pulseOf(await db.selectNoFrom((e) => pulseColumns(e)).executeTakeFirstOrThrow());
}

/** To be selected together with what else is asked; `pulseOf` reads them. */
export function pulseColumns(e: ExpressionBuilder<Schema, never>) {
  const absences = e.selectFrom('absences');
  return [
    e.selectFrom('heartbeat').select('alive_at_ms').where('id', '=', 1).as('alive_at_ms'),
    absences.select((of) => of.fn.countAll<number>().as('count')).as('absences'),
    absences.select((of) => of.fn.max('id').as('id')).as('last_absence_id'),
    absences.select((of) => of.fn.max('to_ms').as('to_ms')).as('last_absence_to_ms'),
    sql<number>`(select max(version) from schema_version)`.as('schema'),
  ] as const;
}

export function pulseOf(row: {
  readonly alive_at_ms: number | null;
  readonly absences: number | null;
  readonly last_absence_id: number | null;
  readonly last_absence_to_ms: number | null;
  readonly schema: number;
}): Pulse {
  return {
    aliveAtMs: row.alive_at_ms ?? undefined,
    absences: `${row.absences ?? 0} ${row.last_absence_id ?? 0} ${row.last_absence_to_ms ?? 0}`,
    schema: row.schema,
  };
}

/** Resolves with false where the stored instant is later than `untilMs`, or there is none: then nothing is changed. */
export async function renewAliveAt(trx: Trx, atMs: number, untilMs: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('heartbeat')
    .set({ alive_at_ms: atMs })
    .where('id', '=', sql.lit(1))
    .where('alive_at_ms', '<=', untilMs)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function saveAliveAt(trx: Trx, atMs: number): Promise<void> {
  await trx
    .insertInto('heartbeat')
    .values({ id: 1, alive_at_ms: atMs })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ alive_at_ms: atMs }))
    .execute();
}

export async function addAbsence(trx: Trx, absence: Insertable<AbsencesTable>): Promise<void> {
  await trx.insertInto('absences').values(absence).execute();
}

/** The latest that began, at most `limit`, in their order. */
export async function listLatestAbsences(db: Reader, limit: number): Promise<readonly AbsenceRow[]> {
  const rows = await db
    .selectFrom('absences')
    .selectAll()
    .orderBy('from_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.toReversed();
}

/** Removes those that ended after this instant: of a clock that has come back since. */
export async function removeAbsencesAfter(trx: Trx, afterMs: number): Promise<void> {
  await trx.deleteFrom('absences').where('to_ms', '>', afterMs).execute();
}

export async function removeAbsencesBefore(trx: Trx, beforeMs: number): Promise<void> {
  await trx.deleteFrom('absences').where('to_ms', '<', beforeMs).execute();
}

export async function keepLatestAbsences(trx: Trx, count: number): Promise<void> {
  await trx
    .deleteFrom('absences')
    .where('id', 'not in', (nested) =>
      nested.selectFrom('absences as latest').select('latest.id').orderBy('latest.id', 'desc').limit(count),
    )
    .execute();
}
