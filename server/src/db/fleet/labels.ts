// Labels and who has them, with the time each was added.

import type { DeviceId } from '#protocol/identity.ts';
import { type Selectable, sql } from 'kysely';
import type { Dialect } from '#server/db/database.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { LabelsTable } from './tables.ts';

export type Label = Selectable<LabelsTable>;
export type LabelWithCount = Label & { readonly devices: number };

export async function findLabel(db: Reader, name: string): Promise<Label | undefined> {
  return db.selectFrom('labels').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listLabels(db: Reader, page: Page): Promise<Paged<LabelWithCount>> {
  const query = db.selectFrom('labels').selectAll('labels').select(countDevices);
  return runPage(query, page, { id: 'labels.id' });
}

export async function getLabelWithCount(db: Reader, id: number): Promise<LabelWithCount> {
  return db
    .selectFrom('labels')
    .selectAll('labels')
    .select(countDevices)
    .where('labels.id', '=', id)
    .executeTakeFirstOrThrow();
}

/** Makes the label unless it is there; resolves with its id and whether it is new. */
export async function addLabel(
  trx: Trx,
  label: {
    readonly name: string;
    readonly description: string;
    readonly timezone?: string | undefined;
    readonly query?: string | undefined;
    readonly nowMs: number;
  },
): Promise<{ readonly id: number; readonly isNew: boolean; readonly isDynamic: boolean }> {
  const known = await findLabel(trx, label.name);
  if (known !== undefined) return { id: known.id, isNew: false, isDynamic: known.query !== null };
  const { id } = await trx
    .insertInto('labels')
    .values({
      name: label.name,
      description: label.description,
      timezone: label.timezone ?? null,
      query: label.query ?? null,
      created_at_ms: label.nowMs,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { id, isNew: true, isDynamic: label.query !== undefined };
}

export async function saveLabel(
  trx: Trx,
  id: number,
  change: Partial<Pick<Label, 'description' | 'timezone' | 'query'>>,
): Promise<void> {
  await trx.updateTable('labels').set(change).where('id', '=', id).execute();
}

/** Takes the label off every device and deletes it; resolves with how many wore it. */
export async function deleteLabel(trx: Trx, id: number): Promise<number> {
  const { numDeletedRows } = await trx.deleteFrom('device_labels').where('label_id', '=', id).executeTakeFirstOrThrow();
  await trx.deleteFrom('labels').where('id', '=', id).execute();
  return Number(numDeletedRows);
}

/**
 * Lets transactions that put labels on devices follow one another: they wait here instead of running again and again. To
 * be called first, because PostgreSQL shows a transaction what was committed before its first query; this is none.
 */
export async function waitForLabelling(trx: Trx, dialect: Dialect): Promise<void> {
  // SQLite has one writer at a time. Reading and writing the table goes on meanwhile, so check-ins never wait for this.
  if (dialect === 'postgres') await sql`lock table labels in share update exclusive mode`.execute(trx);
}

/**
 * Puts the label on devices that the transaction holds (`holdDevices`); one that has it already keeps its time. It is put
 * on after every stage that is open, whatever the clock says, so that one that goes back never lets it count too early.
 * Resolves with the devices that are new to it.
 */
export async function putLabel(
  trx: Trx,
  labelId: number,
  deviceIds: readonly DeviceId[],
  nowMs: number,
): Promise<readonly DeviceId[]> {
  const put_at_ms = await putAtOf(trx, nowMs);
  const rows = await trx
    .insertInto('device_labels')
    .values(deviceIds.map((device_id) => ({ device_id, label_id: labelId, put_at_ms })))
    .onConflict((conflict) => conflict.columns(['device_id', 'label_id']).doNothing())
    .returning('device_id')
    .execute();
  return rows.map(({ device_id }) => device_id);
}

/** After every stage that is open, whatever the clock says. */
export async function putAtOf(trx: Trx, nowMs: number): Promise<number> {
  const { latestMs } = await trx
    .selectFrom('stages')
    .select((e) => e.fn.max('opened_at_ms').as('latestMs'))
    .where('closed_at_ms', 'is', null)
    .executeTakeFirstOrThrow();
  return latestMs !== null && latestMs > nowMs ? latestMs + 1 : nowMs;
}

/** The first name of one of these devices that has more labels than this. */
export async function findOverLabelled(
  db: Reader,
  deviceIds: readonly DeviceId[],
  maxLabels: number,
): Promise<string | undefined> {
  if (deviceIds.length === 0) return undefined;
  const found = await db
    .selectFrom('device_labels')
    .innerJoin('devices', 'devices.id', 'device_labels.device_id')
    .select('devices.first_name')
    .where('device_labels.device_id', 'in', [...deviceIds])
    .groupBy('devices.first_name')
    .having((e) => e.fn.countAll(), '>', maxLabels)
    .orderBy('devices.first_name')
    .limit(1)
    .executeTakeFirst();
  return found?.first_name;
}

/** Resolves with how many of them had it. */
export async function takeLabelOff(trx: Trx, labelId: number, deviceIds: readonly DeviceId[]): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('device_labels')
    .where('label_id', '=', labelId)
    .where('device_id', 'in', [...deviceIds])
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

/** Label names of each of these devices, in alphabetical order. */
export async function listLabelsOf(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('device_labels')
    .innerJoin('labels', 'labels.id', 'device_labels.label_id')
    .select(['device_labels.device_id', 'labels.name'])
    .where('device_labels.device_id', 'in', [...deviceIds])
    .orderBy('labels.name')
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ device_id }) => device_id)].map(([id, labels]) => [id, labels.map(({ name }) => name)]),
  );
}

const countDevices = sql<number>`(select count(*) from device_labels where device_labels.label_id = labels.id)`.as(
  'devices',
);
