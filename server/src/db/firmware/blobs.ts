// Which stored bytes are this database's own, and which of them no image has.

import type { Reader, Trx } from '#server/db/schema.ts';

/** Before the bytes are put, so that nothing is ever in the store that nobody knows of. */
export async function addBlob(trx: Trx, sha256: string, atMs: number): Promise<void> {
  await trx
    .insertInto('blobs')
    .values({ sha256, put_at_ms: atMs })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute();
}

export async function removeBlob(trx: Trx, sha256: string): Promise<void> {
  await trx.deleteFrom('blobs').where('sha256', '=', sha256).execute();
}

/** Whether an image has these bytes. */
export async function isBlobNamed(db: Reader, sha256: string): Promise<boolean> {
  const row = await db.selectFrom('images').select('id').where('sha256', '=', sha256).limit(1).executeTakeFirst();
  return row !== undefined;
}

/** Those that no image has, at most `limit`. */
export async function listUnnamedBlobs(db: Reader, limit: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('blobs')
    .select('sha256')
    .where('sha256', 'not in', (nested) => nested.selectFrom('images').select('images.sha256'))
    .orderBy('sha256')
    .limit(limit)
    .execute();
  return rows.map(({ sha256 }) => sha256);
}

/** Every one of this database. */
export async function listBlobs(db: Reader): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('blobs').select('sha256').execute();
  return new Set(rows.map(({ sha256 }) => sha256));
}
