// What the servers of this database were last seen to be known by.

import type { Trx } from '#server/db/schema.ts';

export async function loadCredentials(trx: Trx): Promise<ReadonlyMap<string, string>> {
  const rows = await trx.selectFrom('credentials').selectAll().execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}

/** For one that was never noted. Of several servers, the first one does it. */
export async function addCredential(trx: Trx, name: string, value: string): Promise<void> {
  await trx
    .insertInto('credentials')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

/** Whether it still was what it was `before`: of several servers that see a change, one tells of it. */
export async function changeCredential(trx: Trx, name: string, before: string, value: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('credentials')
    .set({ value })
    .where('name', '=', name)
    .where('value', '=', before)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
