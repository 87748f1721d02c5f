// The database from empty to the present schema, whole or not at all, and what is refused. On both databases.

import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Kysely, sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { macName } from '#protocol/identity.ts';
import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import { findCheckInFacts } from '#server/db/device/check-in-facts.ts';
import { hashOfEntry, NO_ENTRY_HASH } from '#server/db/events/audit-chain.ts';
import { migrate } from '#server/db/migrate.ts';
import { type Migration, MIGRATIONS } from '#server/db/migrations/migrations.ts';
import { openPostgres } from '#server/db/postgres.ts';
import type { Schema } from '#server/db/schema.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { BOTH, type Dialect, sizeOf } from '../../support/scope.ts';
import { connectRaw } from '../../support/server/connect-raw.ts';
import { newPostgresDatabase, startTestServer } from '../../support/server/server.ts';

interface EmptyDatabase {
  readonly db: Kysely<Schema>;
  /** Opens it as a server does. */
  readonly open: () => ReturnType<typeof openSqlite>;
  /** Everything that is in it, as one text. */
  readonly content: () => Promise<string>;
}

const TABLES = [
  'absences',
  'assignments',
  'audit',
  'audit_chain',
  'backups',
  'blobs',
  'budgets',
  'catalog',
  'configurations',
  'credentials',
  'device_labels',
  'device_names',
  'devices',
  'events',
  'firmware',
  'freezes',
  'heartbeat',
  'identities',
  'images',
  'labels',
  'login_links',
  'past_boards',
  'pending_enrolments',
  'plans',
  'presence',
  'release_keys',
  'removed_devices',
  'removed_images',
  'restores',
  'rollout_images',
  'rollouts',
  'saved_queries',
  'schedules',
  'schema_version',
  'sessions',
  'shared_files',
  'stage_members',
  'stages',
  'telemetry',
  'ticket_keys',
  'troubles',
  'version_hours',
  'webhooks',
  'write_proof',
];

const broken: Migration = {
  name: 'broken',
  up: async (db) => {
    await db.schema.createTable('half').addColumn('id', 'integer').execute();
    await sql`insert into labels (name, description, created_at_ms) values ('half', '', 0)`.execute(db);
    throw new Error('the disk is full');
  },
};

describe.each(BOTH)('the schema on %s', (dialect) => {
  test('is made from an empty database, once', async () => {
    const { db, open } = await emptyDatabase(dialect);
    const first = await open();
    await first.close();
    expect(await tables(db, dialect)).toEqual(TABLES);
    expect(await migrate(db, dialect)).toBe(0);
    expect(await versions(db)).toEqual(MIGRATIONS.map(({ name }, index) => ({ version: index + 1, name })));
    const second = await open();
    expect(await second.read.selectFrom('catalog').select('revision').execute()).toEqual([{ revision: 1 }]);
    await second.close();
  });

  test('goes on from any step that an older program left', async () => {
    // A push goes on from the newest steps, which change, and from every tenth of the others, which do not.
    const isTried = (steps: number): boolean =>
      sizeOf({ push: steps % 10 === 0 || steps >= MIGRATIONS.length - 4, whole: true });
    for (const steps of MIGRATIONS.keys()) {
      if (!isTried(steps)) continue;
      const { db } = await emptyDatabase(dialect);
      expect(await migrate(db, dialect, MIGRATIONS.slice(0, steps))).toBe(steps);
      expect(await migrate(db, dialect)).toBe(MIGRATIONS.length - steps);
      expect(await tables(db, dialect)).toEqual(TABLES);
    }
  });

  test('gives promotions that are scheduled the stage that is open, of a draft the first', async () => {
    const { db } = await emptyDatabase(dialect);
    const step = MIGRATIONS.findIndex(({ name }) => name === 'stages of schedules');
    await migrate(db, dialect, MIGRATIONS.slice(0, step));
    await addOldRollout(db, 'at-some', 'running', 'some');
    await addOldRollout(db, 'not-begun', 'draft', null);
    for (const rollout of ['at-some', 'not-begun', 'to-come']) await addOldSchedule(db, rollout, 'promote');
    await addOldSchedule(db, 'at-some', 'pause');
    await migrate(db, dialect);
    const rows = await db.selectFrom('schedules').selectAll().orderBy('id').execute();
    expect(rows.map(({ name, from_stage }) => `${name} ${from_stage}`)).toEqual([
      'promote at-some some',
      'promote not-begun pilot',
      'promote to-come null',
      'pause at-some null',
    ]);
    expect(rows[0]).toMatchObject({ at: null, pending_since_ms: null, done_at_ms: null });
  });

  test('knows the reports that the log of downloads had, the latest of each assignment that may still be repeated', async () => {
    const { db } = await emptyDatabase(dialect);
    const step = MIGRATIONS.findIndex(({ name }) => name === 'reports of assignments');
    await migrate(db, dialect, MIGRATIONS.slice(0, step));
    await addOldRollout(db, 'spring', 'running', 'pilot');
    const ids = await addOldAssignments(db, 4);
    const log = async (id: number | undefined, sequence: number | null): Promise<void> => {
      await sql`insert into download_log (at_ms, device_id, firmware_id, assignment_id, sequence, status)
        select 1, device_id, firmware_id, id, ${sequence}, 'downloading' from assignments where id = ${id}`.execute(db);
    };
    for (const sequence of [null, 7, 2, 4_294_967_295]) await log(ids[0], sequence);
    for (let sequence = 1; sequence <= MAX_KEPT_SEQUENCES + 5; sequence += 1) await log(ids[1], sequence);
    await log(ids[2], null);
    await log(ids[3], 1);
    await sql`update assignments set updated_at_ms = 31 * 86400000.0 where id <> ${ids[3]}`.execute(db);
    await migrate(db, dialect);
    const rows = await db.selectFrom('assignments').select('reported').orderBy('id').execute();
    expect(rows.map(({ reported }) => reported)).toEqual([
      '7,2,4294967295',
      Array.from({ length: MAX_KEPT_SEQUENCES }, (_, index) => index + 6).join(','),
      '',
      '',
    ]);
  });

  test('chains the entries of the audit that are there', async () => {
    const { db } = await emptyDatabase(dialect);
    const step = MIGRATIONS.findIndex(({ name }) => name === 'audit chain');
    await migrate(db, dialect, MIGRATIONS.slice(0, step));
    const entry = { at_ms: 1_795_000_000_000, actor: 'admin', action: 'label.create', details: '{"a":"ü"}' };
    for (let index = 1; index <= 1_003; index += 1)
      await sql`insert into audit (at_ms, actor, action, subject, details)
        values (${entry.at_ms}, ${entry.actor}, ${entry.action}, ${`shop-${index}`}, ${entry.details})`.execute(db);
    await migrate(db, dialect);
    let last = NO_ENTRY_HASH;
    const rows = await db.selectFrom('audit').selectAll().orderBy('id').execute();
    for (const [index, row] of rows.entries()) {
      const number = index + 1;
      last = hashOfEntry(last, { ...entry, number, subject: `shop-${number}` });
      expect([row.number, row.hash]).toEqual([number, last]);
    }
    const { last_number } = await db.selectFrom('audit_chain').selectAll().executeTakeFirstOrThrow();
    expect(last_number).toBe(1_003);
  });

  test('takes the images that are there for its own', async () => {
    const { db } = await emptyDatabase(dialect);
    const step = MIGRATIONS.findIndex(({ name }) => name === 'blobs');
    await migrate(db, dialect, MIGRATIONS.slice(0, step));
    await sql`insert into firmware (id, product, version, channel, release_notes, security_version, pilot_ready, blocked, created_at_ms)
      values (1, 'default', '1.0.0', 'stable', '', 0, 1, 0, 0)`.execute(db);
    for (const [chip, sha256] of Object.entries({ esp32: 'a', esp32s3: 'b', esp32c3: 'a' }))
      await sql`insert into images (firmware_id, chip, path, size_bytes, sha256, block_sha256, created_at_ms)
        values (1, ${chip}, '', 1, ${sha256}, '[]', 7)`.execute(db);
    await migrate(db, dialect);
    expect(await db.selectFrom('blobs').selectAll().orderBy('sha256').execute()).toEqual([
      { sha256: 'a', put_at_ms: 7 },
      { sha256: 'b', put_at_ms: 7 },
    ]);
  });

  test('makes the MAC of every device that is there its first name, under the id that it had', async () => {
    const { db } = await emptyDatabase(dialect);
    const step = MIGRATIONS.findIndex(({ name }) => name === 'device names');
    await migrate(db, dialect, MIGRATIONS.slice(0, step));
    await addOldRollout(db, 'spring', 'running', 'pilot');
    await addOldAssignments(db, 4);
    await sql`delete from assignments where device_id = 2`.execute(db);
    await sql`delete from devices where id = 2`.execute(db);
    await sql`insert into events (at_ms, type, product, rollout, version, mac, assignment_id, data)
      values (1, 'assignment.confirmed', 'default', 'spring', '1.0.0', '24:6f:28:00:00:02', 2, '{}')`.execute(db);
    await migrate(db, dialect);
    const devices = [1, 3, 4].map((id) => ({ id, name: `24:6f:28:00:00:0${id}` }));
    const rows = await db.selectFrom('devices').select(['id', 'first_name as name']).orderBy('id').execute();
    expect(rows).toEqual(devices);
    expect(await db.selectFrom('device_names').selectAll().orderBy('name').execute()).toEqual(
      devices.map(({ id, name }) => ({ kind: 'mac', name, device_id: id })),
    );
    expect(await db.selectFrom('assignments').select('device_id').orderBy('id').execute()).toEqual(
      devices.map(({ id }) => ({ device_id: id })),
    );
    expect(await db.selectFrom('events').select(['mac', 'device_id']).execute()).toEqual([
      { mac: '24:6f:28:00:00:02', device_id: null },
    ]);
    const found = await findCheckInFacts(db, dialect, macName('24:6f:28:00:00:03'));
    expect(found.device).toMatchObject({ id: 3, first_name: '24:6f:28:00:00:03' });
    expect((await findCheckInFacts(db, dialect, macName('24:6f:28:00:00:02'))).device).toBeUndefined();
    const again = sql`insert into device_names (kind, name, device_id) values ('mac', '24:6f:28:00:00:01', 3)`;
    await expect(again.execute(db), 'a name is that of one device').rejects.toThrow(/unique/i);
  });

  test('is left as it was when a step fails half-way', async () => {
    const { db, content } = await emptyDatabase(dialect);
    await migrate(db, dialect);
    const before = await content();
    await expect(migrate(db, dialect, [...MIGRATIONS, broken])).rejects.toThrow('the disk is full');
    expect(await content()).toBe(before);
    expect(await migrate(db, dialect), 'and the program that made it still runs').toBe(0);
  });

  test('is not there at all when a step of the first start fails', async () => {
    const { db, open } = await emptyDatabase(dialect);
    await expect(migrate(db, dialect, [...MIGRATIONS, broken])).rejects.toThrow('the disk is full');
    expect(await tables(db, dialect)).toEqual([]);
    const opened = await open();
    expect(await tables(db, dialect)).toEqual(TABLES);
    await opened.close();
  });

  test('of a newer program is refused, and nothing is changed', async () => {
    const { db, open, content } = await emptyDatabase(dialect);
    await migrate(db, dialect);
    await sql`insert into schema_version (version, name) values (${MIGRATIONS.length + 1}, 'of next year')`.execute(db);
    const before = await content();
    await expect(open()).rejects.toMatchObject({
      code: 'start_refused',
      message: `the database has schema ${MIGRATIONS.length + 1}, this program knows schema ${MIGRATIONS.length}`,
    });
    expect(await content()).toBe(before);
  });

  test('is made once by several servers that start at the same time', async () => {
    const databases = dialect === 'postgres' ? 4 : 1;
    const { db, open } = await emptyDatabase(dialect);
    const opened = await Promise.all(Array.from({ length: databases }, open));
    expect(await versions(db)).toHaveLength(MIGRATIONS.length);
    for (const database of opened) await database.close();
  });

  test('holds its references', async () => {
    const { open } = await emptyDatabase(dialect);
    const database = await open();
    const orphan = sql`insert into device_labels (device_id, label_id, put_at_ms) values (404, 404, 0)`;
    await expect(database.write(async (trx) => orphan.execute(trx))).rejects.toThrow(/foreign key/i);
    await database.close();
  });
});

describe('SQLite', () => {
  test('runs with the settings that keep what was acknowledged', async () => {
    const { open } = await emptyDatabase('sqlite');
    const database = await open();
    const pragma = async (name: string): Promise<unknown> =>
      database.write(
        async (trx) => Object.values((await sql<object>`pragma ${sql.raw(name)}`.execute(trx)).rows[0] ?? {})[0],
      );
    expect({
      journal_mode: await pragma('journal_mode'),
      synchronous: await pragma('synchronous'),
      foreign_keys: await pragma('foreign_keys'),
    }).toEqual({ journal_mode: 'wal', synchronous: 2, foreign_keys: 1 });
    await database.close();
  });

  test('of a newer program is refused with every byte of its file as it was', async () => {
    const folder = await newFolder();
    const file = join(folder, 'otter.db');
    const first = await openSqlite(file);
    await first.read.selectFrom('catalog').select('revision').execute();
    await first.close();
    const direct = new DatabaseSync(file);
    direct.exec("insert into schema_version (version, name) values (99, 'of next year')");
    direct.close();
    const digests = async () =>
      Promise.all(
        (await readdir(folder))
          .filter((name) => !/-shm$|\.lock/.test(name))
          .map(async (name) => `${name} ${hash('sha256', await readFile(join(folder, name)))}`),
      );
    const before = await digests();
    await expect(openSqlite(file)).rejects.toMatchObject({ code: 'start_refused' });
    expect(await digests()).toEqual(before);
  });

  test('belongs to one server at a time', async () => {
    const first = await startTestServer({ dialect: 'sqlite' });
    await expect(startTestServer({ like: first })).rejects.toMatchObject({
      code: 'start_refused',
      message: expect.stringMatching(/^another Otter \(process \d+ on .*\) uses this database/),
    });
    expect((await first.json('GET', '/healthz')).status, 'the first one goes on').toBe(200);
    await first.checkIn('24:6f:28:00:00:01', '1.0.0');
    await first.stop();
    const second = await startTestServer({ like: first });
    expect((await second.admin('listDevices')).items).toHaveLength(1);
    await second.end();
  });
});

async function emptyDatabase(dialect: Dialect): Promise<EmptyDatabase> {
  const at = dialect === 'postgres' ? await newPostgresDatabase() : join(await newFolder(), 'otter.db');
  const db = connectRaw(dialect, at);
  onTestFinished(async () => db.destroy());
  const open = async () => (dialect === 'postgres' ? openPostgres(at) : openSqlite(at));
  return { db, open, content: async () => contentOf(db, dialect) };
}

async function addOldRollout(
  db: Kysely<Schema>,
  name: string,
  status: 'draft' | 'running',
  stage: string | null,
): Promise<void> {
  const at = { created_at_ms: 1, started_at_ms: null, ended_at_ms: null, ended_reason: null };
  const halt = { halted_at_ms: null, halted_reason: null, reverted_at_ms: null, resumed_at_ms: null };
  const firmware = await db
    .insertInto('firmware')
    .values({
      product: 'default',
      version: `1.0.0-${name}`,
      channel: 'stable',
      release_notes: '',
      security_version: 0,
      pilot_ready: 1,
      blocked: 0,
      blocked_reason: null,
      created_at_ms: 1,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const target = { pilot_label: 'pilot', target_label: 'pilot', plan: 'default', seed: 1 };
  const rollout = await db
    .insertInto('rollouts')
    .values({ ...at, ...halt, ...target, name, firmware_id: firmware.id, product: 'default', status, stage })
    .returning('id')
    .executeTakeFirstOrThrow();
  const limits = { gate: null, window: null, max_in_flight: null, max_offers_per_minute: null };
  const times = { sample_reached_at_ms: null, opened_at_ms: null, closed_at_ms: null };
  // The first stage is the one that comes first, not the one that was stored first.
  for (const [position, stageName] of [...['pilot', 'some', 'all'].entries()].toReversed())
    await db
      .insertInto('stages')
      .values({
        ...limits,
        ...times,
        rollout_id: rollout.id,
        position: position + 1,
        name: stageName,
        label: 'pilot',
        percentage: 100,
        promotion: 'manual',
      })
      .execute();
}

/** So many attempts on as many devices, ended, of the rollout that is there; in the columns that every schema had. */
async function addOldAssignments(db: Kysely<Schema>, count: number): Promise<readonly number[]> {
  await sql`insert into images (firmware_id, chip, path, size_bytes, sha256, block_sha256, created_at_ms)
    select id, 'esp32', 'x', 1, 'x', '[]', 1 from firmware`.execute(db);
  const ids: number[] = [];
  for (let index = 1; index <= count; index += 1) {
    await sql`insert into devices (mac, product, current_version, on_trial, status, attributes, first_seen_at_ms)
      values (${`24:6f:28:00:00:0${index}`}, 'default', '1.0.0', 0, 'ok', '{}', 1)`.execute(db);
    const { rows } = await sql<{ readonly id: number }>`insert into assignments (device_id, rollout_id, stage_id,
        firmware_id, image_id, is_rollback, attempt, state, ran_build, confirm_claimed, left_before, forgiven,
        offered_at_ms, updated_at_ms)
      select max(devices.id), max(rollouts.id), max(stages.id), max(firmware.id), max(images.id),
        0, 1, 'confirmed', 0, 0, 0, 0, 1, 1 from devices, rollouts, stages, firmware, images returning id`.execute(db);
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

async function addOldSchedule(db: Kysely<Schema>, rollout: string, action: 'promote' | 'pause'): Promise<void> {
  await db
    .insertInto('schedules')
    .values({
      name: `${action} ${rollout}`,
      cron: '0 2 * * *',
      timezone: 'UTC',
      action,
      rollout,
      label: null,
      enabled: 1,
      missed: 'skip',
      grace_ms: 0,
      duration_ms: null,
      device_local: 0,
      source: 'api',
      next_run_at_ms: 1,
      last_run_at_ms: null,
      last_result: null,
    })
    .execute();
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'otter-migrations-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function tables(db: Kysely<Schema>, dialect: Dialect): Promise<readonly string[]> {
  const names =
    dialect === 'postgres'
      ? sql<{
          name: string;
        }>`select table_name as name from information_schema.tables where table_schema = current_schema()`
      : sql<{ name: string }>`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`;
  return (await names.execute(db)).rows.map(({ name }) => name).toSorted();
}

async function versions(db: Kysely<Schema>) {
  return (await sql`select version, name from schema_version order by version`.execute(db)).rows;
}

async function contentOf(db: Kysely<Schema>, dialect: Dialect): Promise<string> {
  const names = await tables(db, dialect);
  const rows = await Promise.all(
    names.map(async (name) => (await sql`select * from ${sql.table(name)}`.execute(db)).rows),
  );
  return JSON.stringify(names.map((name, index) => [name, rows[index]]));
}
