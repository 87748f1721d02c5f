// Devices as a table that is read and written many at a time: what operators write on them, by their MACs.

import { type RawBuilder, sql } from 'kysely';
import { type DeviceId, givenNameKey, sortNameOf } from '#protocol/identity.ts';
import type { Dialect } from '#server/db/database.ts';
import type { NoteColumns } from '#server/db/notes.ts';
import type { DeviceRow } from './devices.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

export type TableDevice = Pick<DeviceRow, 'id' | 'first_name' | 'given_name' | 'product' | keyof NoteColumns> & {
  readonly mac: string;
  readonly labels: readonly string[];
};

/** By MAC; one that is not there is left out. */
export async function findTableDevices(db: Reader, macs: readonly string[]): Promise<ReadonlyMap<string, TableDevice>> {
  if (macs.length === 0) return new Map();
  const rows = await db
    .selectFrom('device_names')
    .innerJoin('devices', 'devices.id', 'device_names.device_id')
    .select(['device_names.name as mac', 'devices.id', 'devices.first_name', 'devices.given_name'])
    .select(['devices.product', 'devices.note', 'devices.note_by', 'devices.note_at_ms'])
    .where('device_names.kind', '=', 'mac')
    .where('device_names.name', 'in', [...macs])
    .execute();
  const labels = await listPutLabels(
    db,
    rows.map(({ id }) => id),
  );
  return new Map(rows.map((row) => [row.mac, { ...row, labels: labels.get(row.id) ?? [] }]));
}

/** Those that operators put on these devices, in alphabetical order: queries say who has the others. */
export async function listPutLabels(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('device_labels')
    .innerJoin('labels', 'labels.id', 'device_labels.label_id')
    .select(['device_labels.device_id', 'labels.name'])
    .where('device_labels.device_id', 'in', [...deviceIds])
    .where('labels.query', 'is', null)
    .orderBy('labels.name')
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ device_id }) => device_id)].map(([id, labels]) => [id, labels.map(({ name }) => name)]),
  );
}

export interface WrittenOn {
  readonly id: DeviceId;
  readonly name: string | null;
  readonly written: NoteColumns;
}

/**
 * Names and notes of these devices, in two statements: names that go from one device to another are free first. `freed`: devices that
 * have such a name and are not among them.
 */
export async function saveWritten(
  trx: Trx,
  dialect: Dialect,
  rows: readonly WrittenOn[],
  freed: readonly DeviceId[],
): Promise<void> {
  if (rows.length === 0) return;
  const ids = [...rows.map(({ id }) => id), ...freed];
  await trx
    .updateTable('devices')
    .set({ given_name: null, given_key: null, sort_name: sortNameOf(null) })
    .where('id', 'in', ids)
    .execute();
  const batch = JSON.stringify(
    rows.map(({ id, name, written: { note, note_by, note_at_ms } }) => [
      id,
      name,
      name === null ? null : givenNameKey(name),
      sortNameOf(name),
      note,
      note_by,
      note_at_ms,
    ]),
  );
  await sql`update devices set given_name = v.given_name, given_key = v.given_key, sort_name = v.sort_name, note = v.note, note_by = v.note_by,
    note_at_ms = v.note_at_ms from (${VALUES[dialect](batch)}) as v where devices.id = v.id`.execute(trx);
}

const VALUES: Readonly<Record<Dialect, (batch: string) => RawBuilder<unknown>>> = {
  sqlite: (
    batch,
  ) => sql`select value->>0 as id, value->>1 as given_name, value->>2 as given_key, value->>3 as sort_name,
    value->>4 as note, value->>5 as note_by, value->>6 as note_at_ms from json_each(${batch})`,
  postgres: (batch) => sql`select (r->>0)::bigint as id, r->>1 as given_name, r->>2 as given_key, r->>3 as sort_name,
    r->>4 as note, r->>5 as note_by, (r->>6)::bigint as note_at_ms from json_array_elements(${batch}::json) as rows(r)`,
};
