// Steps that storage by content brought.

import type { Trx } from '#server/db/schema.ts';

/** Images that are there are checked for the first time after this start. */
export async function addImageChecks(db: Trx): Promise<void> {
  await db.schema.alterTable('images').addColumn('checked_at_ms', 'bigint').execute();
  await db.schema.alterTable('images').addColumn('damage', 'text').execute();
}
