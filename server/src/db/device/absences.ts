// When a server was last there (one row that all of them share), and the times in which none was.

import { type Insertable, type Selectable, sql } from 'kysely';
import type { AbsencesTable, Reader, Trx } from '#server/db/schema.ts';

export type AbsenceRow = Selectable<AbsencesTable>;

/** With the number of steps of the schema, so that a server that runs hears of a newer one. Undefined before the first tick. */
export async function findHeartbeat(
  db: Reader,
): Promise<{ readonly aliveAtMs: number; readonly schema: number } | undefined> {
  return db
    .selectFrom('heartbeat')
    .select(['alive_at_ms as aliveAtMs', sql<number>`(select max(version) from schema_version)`.as('schema')])
    .where('id', '=', 1)
    .executeTakeFirst();
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
