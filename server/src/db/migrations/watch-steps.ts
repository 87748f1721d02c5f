// Steps that the watch over boards brought: what became of each board under each build, who is counted, when no server
// answered, which images a rollout covers.

import { sql } from 'kysely';
import { DEVICE_ERRORS } from '#protocol/device-errors.ts';
import type { Dialect } from '../database.ts';
import type { Trx } from '../schema.ts';
import { identity, required, withDefault } from './columns.ts';

/** What is known of boards from check-in to check-in. Boards that are there were never seen to contradict themselves. */
export async function addObservations(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('other_chip', 'text').execute();
  await db.schema.alterTable('devices').addColumn('is_simulated', 'integer', withDefault(0)).execute();
  await db.schema.alterTable('devices').addColumn('counted', 'text').execute();
  await db.schema.alterTable('devices').addColumn('counted_reason', 'text').execute();
  await db.schema.alterTable('devices').addColumn('contradictions', 'integer', withDefault(0)).execute();
  await db.schema.alterTable('devices').addColumn('shared_mac_at_ms', 'bigint').execute();
  await db.schema.alterTable('devices').addColumn('taken_assignment_id', 'bigint').execute();
  await db.schema.alterTable('presence').addColumn('interval_s', 'integer').execute();
  await db.schema.alterTable('presence').addColumn('gaps', 'text', withDefault('')).execute();
  await db.schema.alterTable('presence').addColumn('uptime_s', 'bigint').execute();
  await db.schema.alterTable('presence').addColumn('boot_cause', 'text').execute();
  await db.schema.alterTable('presence').addColumn('largest_block_bytes', 'bigint').execute();
  await sql`update devices set taken_assignment_id =
    (select max(id) from assignments where assignments.device_id = devices.id and assignments.state = 'confirmed')`.execute(
    db,
  );
  await sql`update devices set is_simulated = 1 where attributes like '%"library":"otter-simulator%'`.execute(db);
}

/** Boards that have confirmed a build before are taken for healthy: nobody watched them then. */
export async function addOutcomes(db: Trx): Promise<void> {
  const instants = [
    'exposed_at_ms',
    'confirmed_at_ms',
    'healthy_at_ms',
    'crashed_at_ms',
    'lost_at_ms',
    'moved_on_at_ms',
  ] as const;
  for (const name of instants) await db.schema.alterTable('assignments').addColumn(name, 'bigint').execute();
  const numbers = [
    ['is_latest', 1],
    ['crashes', 0],
    ['suspect', 0],
    ['downloads', 0],
    ['excused', 0],
    ['pardoned', 0],
  ] as const;
  for (const [name, value] of numbers)
    await db.schema.alterTable('assignments').addColumn(name, 'integer', withDefault(value)).execute();
  for (const name of ['counted', 'fault', 'baseline'] as const)
    await db.schema.alterTable('assignments').addColumn(name, 'text').execute();
  await db.schema.alterTable('assignments').addColumn('from_version', 'text', withDefault('')).execute();
  await db.schema.alterTable('assignments').addColumn('outcome', 'text', withDefault('waiting')).execute();
  await fillOutcomes(db);
  // What a gate counts, without a look at the rows themselves.
  await sql`create index assignments_outcomes on assignments
    (rollout_id, stage_id, outcome, counted, fault, acknowledged, firmware_id) where is_latest = 1 and is_rollback = 0`.execute(
    db,
  );
}

async function fillOutcomes(db: Trx): Promise<void> {
  await sql`update assignments set is_latest = 0 where id not in
    (select max(id) from assignments group by device_id, rollout_id, is_rollback)`.execute(db);
  await sql`update assignments set exposed_at_ms = updated_at_ms
    where ran_build = 1 or state in ('installing', 'trial', 'confirmed', 'rolled_back')`.execute(db);
  await sql`update assignments set confirmed_at_ms = updated_at_ms, healthy_at_ms = updated_at_ms, outcome = 'healthy'
    where state = 'confirmed'`.execute(db);
  await sql`update assignments set fault = 'firmware', outcome = 'failed'
    where state in ('failed', 'rolled_back', 'rejected')`.execute(db);
  for (const { name, fault } of DEVICE_ERRORS)
    await sql`update assignments set fault = ${fault} where fault is not null and coalesce(error_code, boot_cause) = ${name}`.execute(
      db,
    );
  await sql`update assignments set outcome = 'waiting' where outcome = 'failed' and fault <> 'firmware'
    and exposed_at_ms is null`.execute(db);
  await sql`update assignments set outcome = 'on_trial' where state = 'trial'`.execute(db);
  await sql`update assignments set outcome = 'updating' where state in ('downloading', 'downloaded', 'installing')`.execute(
    db,
  );
}

/** Rollouts that are complete get no watch, and cover the images that their firmware has now. */
export async function addWatch(db: Trx): Promise<void> {
  await db.schema.alterTable('rollouts').addColumn('watch_s', 'integer').execute();
  await db.schema.alterTable('rollouts').addColumn('watch_until_ms', 'bigint').execute();
  await db.schema.alterTable('rollouts').addColumn('regressed_at_ms', 'bigint').execute();
  await db.schema.alterTable('rollouts').addColumn('regressed_reason', 'text').execute();
  await db.schema.alterTable('rollouts').addColumn('outage_since_ms', 'bigint').execute();
  await db.schema
    .createTable('rollout_images')
    .addColumn('rollout_id', 'bigint', (c) => c.notNull().references('rollouts.id'))
    .addColumn('image_id', 'bigint', (c) => c.notNull().references('images.id'))
    .addPrimaryKeyConstraint('rollout_images_key', ['rollout_id', 'image_id'])
    .execute();
  await sql`insert into rollout_images (rollout_id, image_id)
    select rollouts.id, images.id from rollouts join images on images.firmware_id = rollouts.firmware_id
    where rollouts.status <> 'draft'`.execute(db);
}

/** When a server was last there, and the times in which none was. */
export async function createAbsences(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('heartbeat')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('alive_at_ms', 'bigint', required)
    .execute();
  await db.schema
    .createTable('absences')
    .addColumn('id', ...identity(dialect))
    .addColumn('from_ms', 'bigint', required)
    .addColumn('to_ms', 'bigint', required)
    .addColumn('cause', 'text', required)
    .execute();
}
