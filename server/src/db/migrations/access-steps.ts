// Steps by which browsers came to log in.

import type { Trx } from '#server/db/schema.ts';
import { required } from './columns.ts';

export async function createSessions(db: Trx): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('opened_by', 'text', required)
    .addColumn('address', 'text', required)
    .addColumn('browser', 'text', required)
    .addColumn('opened_at_ms', 'bigint', required)
    .addColumn('used_at_ms', 'bigint', required)
    .addColumn('ends_at_ms', 'bigint', required)
    .execute();
  await db.schema
    .createTable('login_links')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('ends_at_ms', 'bigint', required)
    .execute();
}
