// Steps that storage by content brought.

import { sql } from 'kysely';
import type { Trx } from '#server/db/schema.ts';
import { required } from './columns.ts';

/** Images that are there are checked for the first time after this start. */
export async function addImageChecks(db: Trx): Promise<void> {
  await db.schema.alterTable('images').addColumn('checked_at_ms', 'bigint').execute();
  await db.schema.alterTable('images').addColumn('damage', 'text').execute();
}

/**
 * What images that are there say of themselves is read from their files at the next start. One chip may have several images, so what
 * was its chip is where it lies beside the others.
 */
export async function addImageInfo(db: Trx): Promise<void> {
  await db.schema.alterTable('images').addColumn('info', 'text').execute();
  await db.schema.alterTable('images').renameColumn('chip', 'folder').execute();
}

/** Images that are there are this database's own. */
export async function createBlobs(db: Trx): Promise<void> {
  await db.schema
    .createTable('blobs')
    .addColumn('sha256', 'text', (column) => column.primaryKey())
    .addColumn('put_at_ms', 'bigint', required)
    .execute();
  await sql`insert into blobs (sha256, put_at_ms) select sha256, max(created_at_ms) from images group by sha256`.execute(
    db,
  );
}

/** One name for it everywhere: a required version. */
export async function renameRequired(db: Trx): Promise<void> {
  await db.schema.alterTable('firmware').renameColumn('must_pass', 'required').execute();
}

/** Which pins boards are to trust, by product. */
export async function createConfigurations(db: Trx): Promise<void> {
  await db.schema
    .createTable('configurations')
    .addColumn('product', 'text', (c) => c.primaryKey())
    .addColumn('configuration', 'text', required)
    .addColumn('sent_at_ms', 'bigint', required)
    .addColumn('sent_by', 'text', required)
    .execute();
}

/** Keys that builds are signed with, and the signatures of each image. */
export async function createReleaseKeys(db: Trx): Promise<void> {
  await db.schema
    .createTable('release_keys')
    .addColumn('key_id', 'text', required)
    .addColumn('product', 'text', required)
    .addColumn('public_key', 'text', required)
    .addColumn('trusted_at_ms', 'bigint', required)
    .addColumn('trusted_by', 'text', required)
    .addColumn('retired_at_ms', 'bigint')
    .addColumn('retired_by', 'text')
    .addColumn('retired_reason', 'text')
    .addPrimaryKeyConstraint('release_keys_key', ['key_id', 'product'])
    .execute();
  await db.schema.alterTable('images').addColumn('signed', 'text').execute();
}
