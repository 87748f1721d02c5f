// Writes that share commits, on a real SQLite file. Commits are counted in the write-ahead log itself, whose format is
// that of sqlite.org/fileformat2.html section 4: a frame that ends a commit says how many pages the database then has.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Database } from '#server/db/database.ts';
import { addLabel } from '#server/db/fleet/labels.ts';
import type { Trx } from '#server/db/schema.ts';
import { openSqlite } from '#server/db/sqlite.ts';

const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

let file: string;
let database: Database;

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'otter-commit-'));
  file = join(folder, 'otter.db');
  database = await openSqlite(file);
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
});

test('concurrent writes share commits, in the order in which they came', async () => {
  const before = countCommits();
  const names = Array.from({ length: 500 }, (_, index) => `label-${index}`);
  await Promise.all(names.map(async (name) => database.write(insert(name))));
  expect(countCommits() - before).toBe(3);
  expect(await listNames()).toEqual(names);
});

test('a soft write does not wait for the disk, and the next write does again', async () => {
  const waits: number[] = [];
  const look = async (trx: Trx): Promise<void> => {
    const { rows } = await sql<{ readonly synchronous: number }>`pragma synchronous`.execute(trx);
    waits.push(rows[0]?.synchronous ?? -1);
  };
  await database.writeSoft(look);
  await database.write(look);
  await Promise.all([database.writeSoft(look), database.write(look)]);
  await database.writeSoft(async () => Promise.reject(new Error('soft'))).catch(() => undefined);
  await database.write(look);
  // 1 is NORMAL, 2 is FULL; a commit that also carries a durable job waits.
  expect(waits).toEqual([1, 2, 2, 2, 2]);
});

test('a write is committed when it resolves', async () => {
  const other = new DatabaseSync(file, { readOnly: true });
  await database.write(insert('kept'));
  expect(other.prepare('select name from labels').all()).toEqual([{ name: 'kept' }]);
  other.close();
});

test('a job that fails is rolled back alone', async () => {
  const before = countCommits();
  const results = await Promise.allSettled([
    database.write(insert('first')),
    database.write(async (trx) => {
      await insert('never')(trx);
      throw new Error('thought better of it');
    }),
    database.write(async (trx) => sql`insert into labels (id, name) values (1, null)`.execute(trx)),
    database.write(insert('last')),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { message: 'thought better of it' } });
  expect(await listNames()).toEqual(['first', 'last']);
  expect(countCommits() - before).toBe(1);
});

test('a commit that fails rejects every job of it, keeps nothing, and the next one works', async () => {
  const results = await Promise.allSettled([
    database.write(insert('first')),
    database.write(async (trx) => {
      await sql`pragma defer_foreign_keys = on`.execute(trx);
      await sql`insert into device_labels (device_id, label_id, put_at_ms) values (1, 1, 1)`.execute(trx);
    }),
  ]);
  expect(results).toMatchObject([
    { status: 'rejected', reason: { message: 'FOREIGN KEY constraint failed' } },
    { status: 'rejected', reason: { message: 'FOREIGN KEY constraint failed' } },
  ]);
  expect(await listNames()).toEqual([]);
  await database.write(insert('next'));
  expect(await listNames()).toEqual(['next']);
});

test('while another program holds the database, jobs wait in order and the event loop goes on', async () => {
  const other = new DatabaseSync(file);
  other.exec('begin immediate');
  const names = Array.from({ length: 250 }, (_, index) => `label-${index}`);
  const writes = names.map(async (name) => database.write(insert(name)));
  await expectLoopRuns(600);
  other.exec('rollback');
  other.close();
  await Promise.all(writes);
  expect(await listNames()).toEqual(names);
});

test('a job that waited long enough is unavailable, and close does not hang', async () => {
  const other = new DatabaseSync(file);
  other.exec('begin immediate');
  const startedMs = performance.now();
  await expect(database.write(insert('never'))).rejects.toMatchObject({ code: 'unavailable', retryAfterS: 5 });
  expect(performance.now() - startedMs).toBeGreaterThan(3_900);
  other.exec('rollback');
  other.close();
  expect(await listNames()).toEqual([]);
});

/** Sleeps in small steps: an event loop that is held takes few of them. */
async function expectLoopRuns(forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  let steps = 0;
  while (performance.now() < until) {
    await delay(10);
    steps += 1;
  }
  expect(steps).toBeGreaterThan(10);
}

function insert(name: string) {
  return async (trx: Trx): Promise<void> => void (await addLabel(trx, { name, description: '', nowMs: 0 }));
}

async function listNames(): Promise<readonly string[]> {
  const rows = await database.read.selectFrom('labels').select('name').orderBy('id').execute();
  return rows.map(({ name }) => name);
}

function countCommits(): number {
  const wal = readFileSync(`${file}-wal`);
  const frameBytes = FRAME_HEADER_BYTES + wal.readUInt32BE(8);
  let commits = 0;
  for (let at = WAL_HEADER_BYTES; at + frameBytes <= wal.length; at += frameBytes) {
    if (wal.readUInt32BE(at + 4) > 0) commits += 1;
  }
  return commits;
}
