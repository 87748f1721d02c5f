// The first steps: fleet, firmware and rollouts, schedules and audit.

import { sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import { identity, required } from './columns.ts';

export async function createFleet(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('catalog')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('revision', 'bigint', required)
    .execute();
  await sql`insert into catalog (id, revision) values (1, 1)`.execute(db);

  await db.schema
    .createTable('devices')
    .addColumn('id', ...identity(dialect))
    .addColumn('mac', 'text', (c) => c.notNull().unique())
    .addColumn('product', 'text', required)
    .addColumn('ip', 'text')
    .addColumn('current_version', 'text', required)
    .addColumn('chip', 'text')
    .addColumn('slot_bytes', 'bigint')
    .addColumn('image_sha256', 'text')
    .addColumn('on_trial', 'integer', required)
    .addColumn('status', 'text', required)
    .addColumn('attributes', 'text', required)
    .addColumn('first_seen_at_ms', 'bigint', required)
    .execute();
  // No index on last_seen_at_ms: it changes with every poll, and only people ask by it.
  await db.schema
    .createTable('presence')
    .addColumn('device_id', dialect === 'postgres' ? 'bigint' : 'integer', (c) =>
      c.primaryKey().references('devices.id').onDelete('cascade'),
    )
    .addColumn('last_seen_at_ms', 'bigint', required)
    .addColumn('free_heap_bytes', 'bigint')
    .addColumn('rssi_dbm', 'integer')
    .execute();
  await db.schema.createIndex('devices_version').on('devices').columns(['product', 'current_version']).execute();
  await db.schema
    .createIndex('devices_status')
    .on('devices')
    .columns(['status', 'id'])
    .where(sql.ref('status'), '<>', sql.lit('ok'))
    .execute();

  await db.schema
    .createTable('labels')
    .addColumn('id', ...identity(dialect))
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('description', 'text', required)
    .addColumn('created_at_ms', 'bigint', required)
    .execute();
  await db.schema
    .createTable('device_labels')
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('label_id', 'bigint', (c) => c.notNull().references('labels.id').onDelete('cascade'))
    .addColumn('put_at_ms', 'bigint', required)
    .addPrimaryKeyConstraint('device_labels_key', ['device_id', 'label_id'])
    .execute();
  await db.schema.createIndex('device_labels_label').on('device_labels').columns(['label_id', 'device_id']).execute();
}

export async function createRollouts(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('firmware')
    .addColumn('id', ...identity(dialect))
    .addColumn('product', 'text', required)
    .addColumn('version', 'text', required)
    .addColumn('channel', 'text', required)
    .addColumn('release_notes', 'text', required)
    .addColumn('security_version', 'bigint', required)
    .addColumn('pilot_ready', 'integer', required)
    .addColumn('blocked', 'integer', required)
    .addColumn('blocked_reason', 'text')
    .addColumn('created_at_ms', 'bigint', required)
    .addUniqueConstraint('firmware_version', ['product', 'version'])
    .execute();
  await db.schema
    .createTable('images')
    .addColumn('id', ...identity(dialect))
    .addColumn('firmware_id', 'bigint', (c) => c.notNull().references('firmware.id'))
    .addColumn('chip', 'text', required)
    .addColumn('path', 'text', required)
    .addColumn('size_bytes', 'integer', required)
    .addColumn('sha256', 'text', required)
    .addColumn('elf_sha256', 'text')
    .addColumn('block_sha256', 'text', required)
    .addColumn('created_at_ms', 'bigint', required)
    .addUniqueConstraint('images_chip', ['firmware_id', 'chip'])
    .execute();
  await db.schema
    .createTable('rollouts')
    .addColumn('id', ...identity(dialect))
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('firmware_id', 'bigint', (c) => c.notNull().references('firmware.id'))
    .addColumn('product', 'text', required)
    .addColumn('pilot_label', 'text', required)
    .addColumn('target_label', 'text', required)
    .addColumn('status', 'text', required)
    .addColumn('stage', 'text')
    .addColumn('created_at_ms', 'bigint', required)
    .addColumn('started_at_ms', 'bigint')
    .addColumn('ended_at_ms', 'bigint')
    .addColumn('ended_reason', 'text')
    .execute();
  // One open rollout per product, whatever several servers do at once.
  await sql`create unique index rollouts_open on rollouts (product) where status in ('running', 'paused')`.execute(db);
  await db.schema
    .createTable('stages')
    .addColumn('id', ...identity(dialect))
    .addColumn('rollout_id', 'bigint', (c) => c.notNull().references('rollouts.id'))
    .addColumn('position', 'integer', required)
    .addColumn('name', 'text', required)
    .addColumn('label', 'text', required)
    .addColumn('opened_at_ms', 'bigint')
    .addColumn('closed_at_ms', 'bigint')
    .addUniqueConstraint('stages_position', ['rollout_id', 'position'])
    .execute();
  await createAssignments(db, dialect);
}

async function createAssignments(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('assignments')
    .addColumn('id', ...identity(dialect))
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('rollout_id', 'bigint', (c) => c.notNull().references('rollouts.id'))
    .addColumn('stage_id', 'bigint', (c) => c.notNull().references('stages.id'))
    .addColumn('firmware_id', 'bigint', (c) => c.notNull().references('firmware.id'))
    .addColumn('image_id', 'bigint', (c) => c.notNull().references('images.id'))
    .addColumn('is_rollback', 'integer', required)
    .addColumn('attempt', 'integer', required)
    .addColumn('state', 'text', required)
    .addColumn('ran_build', 'integer', required)
    .addColumn('confirm_claimed', 'integer', required)
    .addColumn('left_before', 'integer', required)
    .addColumn('error_code', 'text')
    .addColumn('boot_cause', 'text')
    .addColumn('detail', 'text')
    .addColumn('forgiven', 'integer', required)
    .addColumn('offered_at_ms', 'bigint', required)
    .addColumn('updated_at_ms', 'bigint', required)
    .execute();
  // A device holds at most one open assignment, whatever several servers do at once.
  await sql`create unique index assignments_open on assignments (device_id)
    where state in ('offered', 'downloading', 'downloaded', 'installing', 'trial')`.execute(db);
  // What a check-in reads; confirmed ones, which are nearly all, are not in it.
  await sql`create index assignments_attempts on assignments (device_id)
    where state not in ('confirmed', 'superseded') and forgiven = 0`.execute(db);
  await db.schema.createIndex('assignments_device').on('assignments').columns(['device_id', 'id']).execute();
  await db.schema
    .createIndex('assignments_rollout')
    .on('assignments')
    .columns(['rollout_id', 'stage_id', 'state'])
    .execute();

  await db.schema
    .createTable('download_log')
    .addColumn('id', ...identity(dialect))
    .addColumn('at_ms', 'bigint', required)
    .addColumn('device_id', 'bigint', (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('firmware_id', 'bigint', (c) => c.notNull().references('firmware.id'))
    .addColumn('assignment_id', 'bigint', (c) => c.notNull().references('assignments.id').onDelete('cascade'))
    .addColumn('sequence', 'bigint')
    .addColumn('status', 'text', required)
    .addColumn('error', 'text')
    .addColumn('detail', 'text')
    .execute();
  await sql`create unique index download_log_report on download_log (assignment_id, sequence) where sequence is not null`.execute(
    db,
  );
}

export async function createSchedules(db: Trx, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('schedules')
    .addColumn('id', ...identity(dialect))
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('cron', 'text', required)
    .addColumn('timezone', 'text', required)
    .addColumn('action', 'text', required)
    .addColumn('rollout', 'text')
    .addColumn('label', 'text')
    .addColumn('enabled', 'integer', required)
    .addColumn('missed', 'text', required)
    .addColumn('grace_ms', 'bigint', required)
    .addColumn('duration_ms', 'bigint')
    .addColumn('source', 'text', required)
    .addColumn('next_run_at_ms', 'bigint')
    .addColumn('last_run_at_ms', 'bigint')
    .addColumn('last_result', 'text')
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('id', ...identity(dialect))
    .addColumn('at_ms', 'bigint', required)
    .addColumn('actor', 'text', required)
    .addColumn('action', 'text', required)
    .addColumn('subject', 'text', required)
    .addColumn('details', 'text', required)
    .execute();
}
