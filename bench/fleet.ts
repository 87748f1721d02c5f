// Homes with large fleets for the measurements: made by SQL, because a hundred thousand first check-ins would take longer
// than what is measured.

import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { initHome } from '#server/home/init.ts';

/** MAC of device `index`. */
export function benchMac(index: number): string {
  return (0x02_00_00_00_00_00 + index)
    .toString(16)
    .padStart(12, '0')
    .replaceAll(/(..)(?=.)/g, '$1:');
}

/** A home with `devices` devices on 1.0.0, which is the stable build; a rollout of 2.0.0 for everyone is open where asked for. */
export async function makeHome(
  home: string,
  devices: number,
  options: { readonly openRollout: boolean },
): Promise<void> {
  await initHome(home, { nowMs: Date.now() });
  const file = join(home, 'data/otter.db');
  const database = await openSqlite(file);
  await database.close();
  const db = new DatabaseSync(file);
  db.exec('pragma synchronous = off; begin');
  addBuild(db, home, 1, '1.0.0', 'complete');
  if (options.openRollout) addBuild(db, home, 2, '2.0.0', 'running');
  const insert = db.prepare(
    `insert into devices (id, first_name, product, ip, current_version, chip, said_chip, slot_bytes, said_slot_bytes, image_sha256, on_trial, status, attributes, first_seen_at_ms)
     values (?, ?, 'default', '127.0.0.1', '1.0.0', 'esp32', 'esp32', 1966080, 1966080, null, 0, 'ok', ?, ?)`,
  );
  const attributes = JSON.stringify({ boot_reason: 'poweron' });
  for (let index = 1; index <= devices; index += 1) insert.run(index, benchMac(index), attributes, Date.now());
  db.exec("insert into device_names (kind, name, device_id) select 'mac', first_name, id from devices");
  db.exec(
    'insert into presence (device_id, last_seen_at_ms, free_heap_bytes, rssi_dbm) select id, first_seen_at_ms, 180000, -61 from devices',
  );
  db.exec("insert into labels (id, name, description, created_at_ms) values (1, 'pilot', '', 0)");
  db.exec('insert into device_labels select id, 1, 0 from devices where id % 20 = 0');
  db.exec('update catalog set revision = revision + 1; commit; analyze; pragma wal_checkpoint(truncate)');
  db.close();
}

const IMAGE_BYTES = 1_048_576;

function addBuild(db: DatabaseSync, home: string, id: number, version: string, status: 'complete' | 'running'): void {
  const bytes = Buffer.alloc(IMAGE_BYTES, id);
  const blocks = Array.from({ length: IMAGE_BYTES / BLOCK_BYTES }, (_, index) =>
    hash('sha256', bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)),
  );
  const folder = join(home, 'data/firmware/.blobs');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, hash('sha256', bytes)), bytes);
  const run = (sql: string, ...values: readonly (string | number | null)[]): void =>
    void db.prepare(sql).run(...values);
  run(
    `insert into firmware (id, product, version, channel, release_notes, security_version, pilot_ready, blocked, created_at_ms)
     values (?, 'default', ?, 'stable', '', 0, 1, 0, 0)`,
    id,
    version,
  );
  run(
    `insert into images (id, firmware_id, folder, path, size_bytes, sha256, block_sha256, created_at_ms)
     values (?, ?, 'esp32', ?, ?, ?, ?, 0)`,
    id,
    id,
    `default/${version}/esp32/image.bin`,
    IMAGE_BYTES,
    hash('sha256', bytes),
    JSON.stringify(blocks),
  );
  run(
    `insert into rollouts (id, name, firmware_id, product, pilot_label, target_label, status, stage, created_at_ms, started_at_ms)
     values (?, ?, ?, 'default', 'pilot', 'general', ?, 'expand', 0, 0)`,
    id,
    version,
    id,
    status,
  );
  run('insert into rollout_images values (?, ?)', id, id);
  const stage = `insert into stages (id, rollout_id, position, name, label, opened_at_ms) values (?, ?, ?, ?, ?, 0)`;
  run(stage, id * 2 - 1, id, 1, 'pilot', 'pilot');
  run(stage, id * 2, id, 2, 'expand', 'general');
}
