// Steps by which operators keep devices as they are: one device, or all of a product.

import { sql } from 'kysely';
import type { Trx } from '#server/db/schema.ts';
import { required, withDefault } from './columns.ts';

export async function addHolds(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('held_at_ms', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('held_until_ms', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('held_reason', 'text').execute();
  await db.schema.alterTable('devices').addColumn('held_by', 'text').execute();
  await db.schema.alterTable('devices').addColumn('holds_way_back', 'integer', withDefault(0)).execute();
  // A tick asks whether a hold has ended, and the status how many there are: few devices are held.
  await sql`create index devices_held_until on devices (held_until_ms) where held_until_ms is not null`.execute(db);
  await sql`create index devices_held on devices (held_at_ms) where held_at_ms is not null`.execute(db);
  await db.schema
    .createTable('freezes')
    .addColumn('product', 'text', (c) => c.primaryKey())
    .addColumn('frozen_at_ms', 'bigint', required)
    .addColumn('until_ms', 'bigint')
    .addColumn('reason', 'text', required)
    .addColumn('frozen_by', 'text', required)
    .addColumn('holds_way_back', 'integer', required)
    .execute();
}

/** Rollouts whose offers a board may put off. */
export async function addConsent(db: Trx): Promise<void> {
  await db.schema.alterTable('rollouts').addColumn('consent', 'text').execute();
  await db.schema.alterTable('rollouts').addColumn('force_after_s', 'integer').execute();
}

export async function createBudgets(db: Trx): Promise<void> {
  await db.schema
    .createTable('budgets')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('max_devices', 'integer')
    .addColumn('max_pct', 'double precision')
    .addColumn('reason', 'text')
    .addColumn('set_by', 'text', required)
    .addColumn('set_at_ms', 'bigint', required)
    .execute();
}

/** What an operator orders for one device: off a build, or what there is for it at once. */
export async function addOrders(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('cancelled_firmware_id', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('cancelled_at_ms', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('cancelled_reason', 'text').execute();
  await db.schema.alterTable('devices').addColumn('cancelled_by', 'text').execute();
  await db.schema.alterTable('devices').addColumn('goes_back', 'integer', withDefault(0)).execute();
  await db.schema.alterTable('devices').addColumn('goes_back_to_id', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('offer_now_at_ms', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('offer_now_by', 'text').execute();
}

/** The status counts test boards apart: few devices are. */
export async function addTestIndex(db: Trx): Promise<void> {
  await sql`create index devices_test on devices (id) where counted = 'no'`.execute(db);
}
