// Which version of a file of the configuration the servers of this database have in common, and who brought it.

import type { Selectable } from 'kysely';
import type { Reader, SharedFilesTable, Trx } from '#server/db/schema.ts';

export type SharedFile = Selectable<SharedFilesTable>;

/** Undefined before any server has brought one. */
export async function findSharedFile(db: Reader, name: string): Promise<SharedFile | undefined> {
  return db.selectFrom('shared_files').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listSharedFiles(db: Reader): Promise<readonly SharedFile[]> {
  return db.selectFrom('shared_files').selectAll().orderBy('name').execute();
}

export async function saveSharedFile(trx: Trx, file: SharedFile): Promise<void> {
  const { digest, entries, stored_at_ms, stored_by } = file;
  await trx
    .insertInto('shared_files')
    .values(file)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ digest, entries, stored_at_ms, stored_by }))
    .execute();
}
