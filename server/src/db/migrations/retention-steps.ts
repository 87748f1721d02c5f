// Steps that limits on what is kept brought: no log of downloads, a chained audit, counts of attempts that are gone.

import { sql } from 'kysely';
import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { withDefault } from './columns.ts';

/** Events carry what the log said; what it knew of repeated reports goes with the assignment. */
export async function replaceDownloadLog(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('assignments').addColumn('reported', 'text', withDefault('')).execute();
  const list = dialect === 'postgres' ? `string_agg(sequence::text, ',' order by id)` : 'group_concat(sequence)';
  await sql`update assignments set reported = (
      select ${sql.raw(list)} from (
        select id, sequence from (
          select id, sequence from download_log where assignment_id = assignments.id and sequence is not null
          order by id desc limit ${sql.lit(MAX_KEPT_SEQUENCES)}) as latest
        order by id) as reports)
    where id in (select assignment_id from download_log where sequence is not null)`.execute(db);
  await db.schema.dropTable('download_log').execute();
}
