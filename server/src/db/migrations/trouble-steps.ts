// What servers need to notice trouble: a row that is written to prove that rows can be, the versions of the files that
// servers of one database have in common, and which backups there are.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { identity, required } from './columns.ts';

export async function createWriteProof(db: Trx): Promise<void> {
  await db.schema
    .createTable('write_proof')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('proofs', 'bigint', required)
    .execute();
  await sql`insert into write_proof (id, proofs) values (1, 0)`.execute(db);
}

export async function createSharedFiles(db: Trx): Promise<void> {
  await db.schema
    .createTable('shared_files')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('digest', 'text', required)
    .addColumn('entries', 'integer', required)
    .addColumn('stored_at_ms', 'bigint', required)
    .addColumn('stored_by', 'text', required)
    .execute();
}

/** What is wrong with images and servers, so that it is told once. */
export async function createTroubles(db: Trx): Promise<void> {
  await db.schema
    .createTable('troubles')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('product', 'text', required)
    .addColumn('version', 'text', required)
    .addColumn('data', 'text', required)
    .addColumn('ends', 'text')
    .addColumn('since_ms', 'bigint', required)
    .execute();
}

/** Backups that were made of this database, and those that it came from. */
export async function createBackups(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('backups')
    .addColumn('id', ...identity(dialect))
    .addColumn('made_at_ms', 'bigint', required)
    .addColumn('made_by', 'text', required)
    .addColumn('file', 'text', required)
    .addColumn('size_bytes', 'bigint', required)
    .addColumn('encrypted', 'integer', required)
    .execute();
  await db.schema
    .createTable('restores')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('restored_at_ms', 'bigint', required)
    .addColumn('restored_by', 'text', required)
    .addColumn('backup_made_at_ms', 'bigint', required)
    .execute();
}
