// Steps that the watch over boards brought: what became of each board under each build, who is counted, when no server
// answered, which images a rollout covers.

import { sql } from 'kysely';
import { DEVICE_ERRORS } from '#protocol/device/errors.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
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

/** Trials that ran out before are not told from other failures: they stay what they were counted as. */
export async function addRanOut(db: Trx): Promise<void> {
  await db.schema.alterTable('assignments').addColumn('ran_out_since_ms', 'bigint').execute();
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
    ['has_left', 0],
  ] as const;
  for (const [name, value] of numbers)
    await db.schema.alterTable('assignments').addColumn(name, 'integer', withDefault(value)).execute();
  for (const name of ['counted', 'fault', 'baseline'] as const)
    await db.schema.alterTable('assignments').addColumn(name, 'text').execute();
  await db.schema.alterTable('assignments').addColumn('from_version', 'text', withDefault('')).execute();
  await db.schema.alterTable('assignments').addColumn('outcome', 'text', withDefault('waiting')).execute();
  await db.schema.alterTable('assignments').addColumn('mark', 'text', withDefault('')).execute();
  await fillOutcomes(db);
  // What a gate counts, without a look at the rows themselves.
  await sql`create index assignments_outcomes on assignments
    (rollout_id, stage_id, outcome, mark, counted, fault, acknowledged) where is_latest = 1 and is_rollback = 0`.execute(
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
  await sql`update assignments set has_left = 1 where outcome = 'failed' and exposed_at_ms is not null`.execute(db);
  await sql`update assignments set mark = 'silent' where state = 'timed_out'`.execute(db);
  await sql`update assignments set mark = 'given' where state = 'installing'`.execute(db);
  await sql`update assignments set mark = 'required' where firmware_id <>
    (select firmware_id from rollouts where rollouts.id = assignments.rollout_id)`.execute(db);
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
  await db.schema.alterTable('rollouts').addColumn('counts_before_ms', 'bigint').execute();
  await db.schema.alterTable('rollouts').addColumn('counts_simulated', 'integer', withDefault(1)).execute();
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

/** After how long without a check a device is silent; null: it was not seen since this is kept, and the rule is the old one. */
export async function addSilenceLimits(db: Trx): Promise<void> {
  await db.schema.alterTable('presence').addColumn('limit_s', 'bigint').execute();
}

/** When a device was back after a check that did not come; null: none is known. */
export async function addReturnsOfDevices(db: Trx): Promise<void> {
  await db.schema.alterTable('presence').addColumn('back_at_ms', 'bigint').execute();
}

/** Hour by hour, in a ring for each device. The rows of one device lie together: it is read as a whole. */
export async function createTelemetry(db: Trx, dialect: Dialect): Promise<void> {
  const table = db.schema
    .createTable('telemetry')
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('slot', 'integer', required)
    .addColumn('hour', 'integer', required)
    .addColumn('checks', 'integer', required)
    .addColumn('heap_sum_bytes', 'bigint', required)
    .addColumn('heap_count', 'integer', required)
    .addColumn('heap_min_bytes', 'bigint')
    .addColumn('block_sum_bytes', 'bigint', required)
    .addColumn('block_count', 'integer', required)
    .addColumn('block_min_bytes', 'bigint')
    .addColumn('rssi_sum_dbm', 'bigint', required)
    .addColumn('rssi_count', 'integer', required)
    .addColumn('uptime_count', 'integer', required)
    .addColumn('restarts', 'integer', required)
    .addColumn('crashes', 'integer', required)
    .addColumn('boot_sum_s', 'bigint', required)
    .addColumn('boot_count', 'integer', required)
    .addPrimaryKeyConstraint('telemetry_key', ['device_id', 'slot']);
  // Without a second copy of the key beside the rows.
  await (dialect === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
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

/** How a device came back from a build. Of those that came back before it is not known; then it was proof against the build. */
export async function addReturns(db: Trx): Promise<void> {
  await db.schema.alterTable('assignments').addColumn('said_it_left', 'integer', withDefault(0)).execute();
  await db.schema.alterTable('assignments').addColumn('seen_back', 'integer', withDefault(0)).execute();
  await sql`update assignments set said_it_left = 1, seen_back = 1 where state = 'rolled_back'`.execute(db);
}

/**
 * Schedules for one time, and the stage that a promotion means. Those that are there mean the stage that is open now (of a
 * draft the first one), as whoever made them saw it; one for a rollout that is still to come gets its stage with the rollout.
 */
export async function addScheduleStages(db: Trx): Promise<void> {
  await db.schema.alterTable('schedules').addColumn('at', 'text').execute();
  await db.schema.alterTable('schedules').addColumn('from_stage', 'text').execute();
  await db.schema.alterTable('schedules').addColumn('pending_since_ms', 'bigint').execute();
  await db.schema.alterTable('schedules').addColumn('done_at_ms', 'bigint').execute();
  await sql`update schedules set from_stage = (
      select coalesce(rollouts.stage, first.name) from rollouts
      join stages as first on first.rollout_id = rollouts.id and first.position =
        (select min(position) from stages where stages.rollout_id = rollouts.id)
      where rollouts.name = schedules.rollout)
    where action = 'promote'`.execute(db);
}

/** What `esp_partition_get_sha256` says on a board. Of images that are there the server reads it from their files. */
export async function addAppendedDigests(db: Trx): Promise<void> {
  await db.schema.alterTable('images').addColumn('appended_sha256', 'text').execute();
}

/** Which program an image says that it is; and rollouts that have started cover the required versions that are there. */
export async function addImageReleases(db: Trx): Promise<void> {
  await db.schema.alterTable('images').addColumn('project', 'text').execute();
  await sql`insert into rollout_images (rollout_id, image_id)
    select rollouts.id, images.id from rollouts
    join firmware on firmware.product = rollouts.product and firmware.must_pass = 1
    join images on images.firmware_id = firmware.id
    where rollouts.status <> 'draft' and firmware.id <> rollouts.firmware_id`.execute(db);
}

/** Boards that are there are taken to say chip and slot each time; the next check-in of each says whether it does. */
export async function addSaidHardware(db: Trx): Promise<void> {
  await db.schema.alterTable('devices').addColumn('said_chip', 'text').execute();
  await db.schema.alterTable('devices').addColumn('said_slot_bytes', 'bigint').execute();
  await sql`update devices set said_chip = chip, said_slot_bytes = slot_bytes`.execute(db);
  await sql`update devices set slot_bytes = null where slot_bytes < 288`.execute(db);
}

/** What one device holds of one rollout: asked of every device of a product, while it has an assignment of each rollout before. */
export async function addHolderIndex(db: Trx): Promise<void> {
  await db.schema.createIndex('assignments_holder').on('assignments').columns(['device_id', 'rollout_id']).execute();
}

/** Of rollouts under way, whose gates go by it: whose offer was withdrawn, and who let that of a required version pass. */
export async function markEnded(db: Trx): Promise<void> {
  const isOpen = sql`is_latest = 1 and is_rollback = 0
    and rollout_id in (select id from rollouts where status in ('running', 'paused', 'halted'))`;
  await sql`update assignments set mark = case when mark = 'required' then 'required_again' else 'again' end
    where ${isOpen} and state = 'superseded' and outcome = 'waiting'`.execute(db);
  await sql`update assignments set mark = 'required_silent'
    where ${isOpen} and mark = 'required' and state = 'timed_out' and outcome = 'waiting'`.execute(db);
}
