// Steps that rollouts which go on and stop by themselves brought: plans, gates, protections, events.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { identity, required, withDefault } from './columns.ts';

/** Rollouts that are there went by the default plan: every device of each label. */
export async function addPlans(db: Trx): Promise<void> {
  await db.schema.alterTable('rollouts').addColumn('plan', 'text', withDefault('default')).execute();
  await db.schema.alterTable('rollouts').addColumn('seed', 'bigint', withDefault(0)).execute();
  await db.schema.alterTable('stages').addColumn('percentage', 'integer', withDefault(100)).execute();
}

/** Rollouts that are there have no gates: a person opens each stage. */
export async function addGates(db: Trx): Promise<void> {
  await db.schema.alterTable('rollouts').addColumn('halted_at_ms', 'bigint').execute();
  await db.schema.alterTable('rollouts').addColumn('halted_reason', 'text').execute();
  await db.schema.alterTable('rollouts').addColumn('acknowledged_at_ms', 'bigint').execute();
  await db.schema.alterTable('stages').addColumn('promotion', 'text', withDefault('manual')).execute();
  await db.schema.alterTable('stages').addColumn('gate', 'text').execute();
  await db.schema.alterTable('stages').addColumn('sample_reached_at_ms', 'bigint').execute();
  // A halted rollout holds its product as a paused one does.
  await sql`drop index rollouts_open`.execute(db);
  await sql`create unique index rollouts_open on rollouts (product) where status in ('running', 'paused', 'halted')`.execute(
    db,
  );
}

/** Pace and windows of stages, the way back, required versions, and several open rollouts of one product. */
export async function addProtections(db: Trx): Promise<void> {
  await db.schema.alterTable('stages').addColumn('window', 'text').execute();
  await db.schema.alterTable('stages').addColumn('max_in_flight', 'integer').execute();
  await db.schema.alterTable('stages').addColumn('max_offers_per_minute', 'integer').execute();
  await db.schema.alterTable('rollouts').addColumn('reverted_at_ms', 'bigint').execute();
  await db.schema.alterTable('rollouts').addColumn('resumed_at_ms', 'bigint').execute();
  await db.schema.alterTable('firmware').addColumn('must_pass', 'integer', withDefault(0)).execute();
  await db.schema.alterTable('labels').addColumn('timezone', 'text').execute();
  await db.schema.alterTable('schedules').addColumn('device_local', 'integer', withDefault(0)).execute();
  // Whether two rollouts of a product overlap is for the transaction that starts one; they follow one another.
  await sql`drop index rollouts_open`.execute(db);
  await db.schema
    .createIndex('assignments_offered')
    .on('assignments')
    .columns(['rollout_id', 'offered_at_ms'])
    .execute();
  await sql`create index assignments_in_flight on assignments (rollout_id)
    where state in ('offered', 'downloading', 'downloaded', 'installing', 'trial')`.execute(db);
}

/** Plans that were made by the API; those of the file are read at every start. */
export async function addStoredPlans(db: Trx): Promise<void> {
  await db.schema
    .createTable('plans')
    .addColumn('name', 'text', (c) => c.notNull().primaryKey())
    .addColumn('plan', 'text', required)
    .addColumn('created_at_ms', 'bigint', required)
    .addColumn('updated_at_ms', 'bigint', required)
    .execute();
}

/** No references: an event is kept as it was, whatever becomes of what it speaks of. */
export async function createEvents(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('events')
    .addColumn('id', ...identity(dialect))
    .addColumn('tx', 'bigint', (c) =>
      c.notNull().defaultTo(dialect === 'postgres' ? sql`(pg_current_xact_id()::text::bigint)` : 0),
    )
    .addColumn('at_ms', 'bigint', required)
    .addColumn('type', 'text', required)
    .addColumn('product', 'text', required)
    .addColumn('rollout', 'text', required)
    .addColumn('version', 'text', required)
    .addColumn('stage', 'text')
    .addColumn('mac', 'text')
    .addColumn('assignment_id', 'bigint')
    .addColumn('from_state', 'text')
    .addColumn('data', 'text', required)
    .execute();
  await db.schema.createIndex('events_order').on('events').columns(['tx', 'id']).execute();
  await db.schema.createIndex('events_age').on('events').column('at_ms').execute();
}

export async function createWebhooks(db: Trx): Promise<void> {
  await db.schema
    .createTable('webhooks')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('after_tx', 'bigint', required)
    .addColumn('after_id', 'bigint', required)
    .addColumn('failures', 'integer', required)
    .addColumn('failing_since_ms', 'bigint')
    .addColumn('last_error', 'text')
    .addColumn('next_try_at_ms', 'bigint', required)
    .addColumn('leased_until_ms', 'bigint', required)
    .addColumn('lease', 'text')
    .execute();
}

/** Which failures were seen is kept with each of them, not as a time, which is wrong when the clock is moved. */
export async function addAcknowledged(db: Trx): Promise<void> {
  await db.schema.alterTable('assignments').addColumn('acknowledged', 'integer', withDefault(0)).execute();
  await sql`update assignments set acknowledged = 1 where updated_at_ms <=
    (select acknowledged_at_ms from rollouts where rollouts.id = assignments.rollout_id)`.execute(db);
  await db.schema.alterTable('rollouts').dropColumn('acknowledged_at_ms').execute();
}
