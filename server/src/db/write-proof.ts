// The write that proves that rows can be written. It changes nothing that anybody reads.

import { sql } from 'kysely';
import type { Trx } from './schema.ts';

/** The number must change: SQLite writes no page that stays as it is. */
export async function proveWrite(trx: Trx): Promise<void> {
  await trx
    .updateTable('write_proof')
    .set({ proofs: sql`proofs + 1` })
    .where('id', '=', 1)
    .execute();
}
