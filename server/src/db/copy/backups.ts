// Which backups were made of a database, and which it came from.

import type { Selectable } from 'kysely';
import type { BackupsTable, Reader, Schema, Trx } from '#server/db/schema.ts';

export type BackupRow = Omit<Selectable<BackupsTable>, 'id'>;

/** So many are kept; whoever makes one removes those before. */
const KEPT = 100;

export async function addBackup(trx: Trx, row: BackupRow): Promise<void> {
  const { id } = await trx.insertInto('backups').values(row).returning('id').executeTakeFirstOrThrow();
  await trx
    .deleteFrom('backups')
    .where('id', '<=', id - KEPT)
    .execute();
}

export async function findLastBackup(db: Reader): Promise<BackupRow | undefined> {
  return db
    .selectFrom('backups')
    .select(['made_at_ms', 'made_by', 'file', 'size_bytes', 'encrypted'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function addRestore(trx: Trx, row: Selectable<Schema['restores']>): Promise<void> {
  await trx.insertInto('restores').values(row).execute();
}

export async function hasRestore(db: Reader, id: string): Promise<boolean> {
  return (await db.selectFrom('restores').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}
