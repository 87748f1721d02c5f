// Steps that limits on what is kept brought: no log of downloads, a chained audit, counts of attempts that are gone.

import { sql } from 'kysely';
import { hashOfEntry, NO_ENTRY_HASH } from '#server/db/events/audit-chain.ts';
import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { required, withDefault } from './columns.ts';

/** A board repeats a report within minutes, and after a power cut when it is back: nobody repeats one of last month. */
const REPEATED_MS = 30 * 86_400_000;

/**
 * Events carry what the log said; what it knew of repeated reports goes with the assignment. Only of those that are open or changed
 * lately: of a large fleet, to write every assignment anew would take minutes.
 */
export async function replaceDownloadLog(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('assignments').addColumn('reported', 'text', withDefault('')).execute();
  const list = dialect === 'postgres' ? `string_agg(sequence::text, ',' order by id)` : 'group_concat(sequence)';
  await sql`update assignments set reported = (
      select ${sql.raw(list)} from (
        select id, sequence from (
          select id, sequence from download_log where assignment_id = assignments.id and sequence is not null
          order by id desc limit ${sql.lit(MAX_KEPT_SEQUENCES)}) as latest
        order by id) as reports)
    where (state in ('offered', 'downloading', 'downloaded', 'installing', 'trial')
        or updated_at_ms > (select max(updated_at_ms) from assignments) - ${sql.lit(REPEATED_MS)})
      and id in (select assignment_id from download_log where sequence is not null)`.execute(db);
  await db.schema.dropTable('download_log').execute();
}

/** Entries of one statement. */
const CHAINED_ROWS = 1_000;

/** Entries that are there begin the chain, in the order of their ids: what became of them before, nobody can say. */
export async function chainAudit(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('audit').addColumn('number', 'bigint', withDefault(0)).execute();
  await db.schema.alterTable('audit').addColumn('hash', 'text', withDefault('')).execute();
  await db.schema
    .createTable('audit_chain')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('last_number', 'bigint', required)
    .addColumn('checkpoint_number', 'bigint', required)
    .addColumn('checkpoint_hash', 'text', required)
    .addColumn('checkpoint_at_ms', 'bigint')
    .execute();
  const lastNumber = await chainAll(db, dialect);
  await db
    .insertInto('audit_chain')
    .values({
      id: 1,
      last_number: lastNumber,
      checkpoint_number: 0,
      checkpoint_hash: NO_ENTRY_HASH,
      checkpoint_at_ms: null,
    })
    .execute();
  await db.schema.createIndex('audit_number').on('audit').column('number').unique().execute();
}

/** Resolves with the number of the last entry. */
async function chainAll(db: Trx, dialect: Dialect): Promise<number> {
  let last = { number: 0, hash: NO_ENTRY_HASH };
  for (let afterId = 0; ;) {
    const page = await db
      .selectFrom('audit')
      .select(['id', 'at_ms', 'actor', 'action', 'subject', 'details'])
      .where('id', '>', afterId)
      .orderBy('id')
      .limit(CHAINED_ROWS)
      .execute();
    const chained: (readonly [id: number, number: number, hash: string])[] = [];
    for (const { id, ...entry } of page) {
      const number = last.number + 1;
      last = { number, hash: hashOfEntry(last.hash, { ...entry, number }) };
      chained.push([id, number, last.hash]);
    }
    const end = page.at(-1);
    if (end === undefined) return last.number;
    afterId = end.id;
    await saveChained(db, dialect, JSON.stringify(chained));
  }
}

async function saveChained(db: Trx, dialect: Dialect, rows: string): Promise<void> {
  const source =
    dialect === 'postgres'
      ? sql`(select (v->>0)::bigint as id, (v->>1)::bigint as number, v->>2 as hash from json_array_elements(${rows}::json) as rows(v))`
      : sql`(select value->>0 as id, value->>1 as number, value->>2 as hash from json_each(${rows}))`;
  await sql`update audit set number = chained.number, hash = chained.hash from ${source} as chained
    where audit.id = chained.id`.execute(db);
}

/** Of attempts that are not kept any more: how many boards they spoke for, by what became of them. */
export async function createPastBoards(db: Trx): Promise<void> {
  await db.schema
    .createTable('past_boards')
    .addColumn('rollout_id', 'bigint', (c) => c.notNull().references('rollouts.id'))
    .addColumn('stage_id', 'bigint', (c) => c.notNull().references('stages.id'))
    .addColumn('outcome', 'text', required)
    .addColumn('mark', 'text', required)
    .addColumn('counted', 'text', required)
    .addColumn('fault', 'text', required)
    .addColumn('acknowledged', 'integer', required)
    .addColumn('boards', 'bigint', required)
    .addPrimaryKeyConstraint('past_boards_key', [
      'rollout_id',
      'stage_id',
      'outcome',
      'mark',
      'counted',
      'fault',
      'acknowledged',
    ])
    .execute();
}

/** A version never changes its bytes, also after it was removed. */
export async function createRemovedImages(db: Trx): Promise<void> {
  await db.schema
    .createTable('removed_images')
    .addColumn('product', 'text', required)
    .addColumn('version', 'text', required)
    .addColumn('chip', 'text', required)
    .addColumn('sha256', 'text', required)
    .addPrimaryKeyConstraint('removed_images_key', ['product', 'version', 'chip'])
    .execute();
}
