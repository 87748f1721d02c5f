// Queries by their names.

import type { Selectable } from 'kysely';
import type { SavedQueriesTable } from '#server/db/fleet/tables.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

export type SavedQueryRow = Selectable<SavedQueriesTable>;

export async function listSavedQueries(db: Reader): Promise<readonly SavedQueryRow[]> {
  return db.selectFrom('saved_queries').selectAll().orderBy('name').execute();
}

/** Takes the place of one of that name. */
export async function saveQuery(trx: Trx, row: SavedQueryRow): Promise<void> {
  await deleteQuery(trx, row.name);
  await trx.insertInto('saved_queries').values(row).execute();
}

/** Whether it was there. */
export async function deleteQuery(trx: Trx, name: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('saved_queries').where('name', '=', name).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
