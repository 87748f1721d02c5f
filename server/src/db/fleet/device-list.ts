// The devices of a list: a page of those that pass its filter.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import { isOverdueAt, isSilentAt, type SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader } from '#server/db/schema.ts';
import { type SeenDeviceRow, withPresence } from './devices.ts';
import { hasLabel, hasMac, hasStatus, isHeldAt, type Where } from './where.ts';

const EVERYBODY: Where = sql`1 = 1`;

/** How many devices a query means. */
export async function countDevices(db: Reader, where: Where): Promise<number> {
  const { total } = await withPresence(db)
    .clearSelect()
    .select((e) => e.fn.countAll<number>().as('total'))
    .where(where)
    .executeTakeFirstOrThrow();
  return total;
}

/** Devices that are alike in all of this. */
export interface AlikeDevices {
  readonly product: string;
  readonly chip: string | null;
  readonly version: string;
  /** One that is silent has no other status. */
  readonly status: string;
  readonly held: number;
  readonly test: number;
  readonly overdue: number;
  readonly flapping: number;
  readonly devices: number;
}

interface KeyRange {
  readonly afterId: number;
  readonly untilId: number;
}

/** Of this range of keys, in one pass. */
export async function countAlike(
  db: Reader,
  { where = EVERYBODY, silence }: { readonly where: Where | undefined; readonly silence: SilenceRule },
  { afterId, untilId }: KeyRange,
): Promise<readonly AlikeDevices[]> {
  const mark = (is: Where) => sql`case when ${is} then 1 else 0 end`;
  const { rows } =
    await sql<AlikeDevices>`select product, chip, version, status, held, test, overdue, flapping, count(*) as devices
    from (select devices.product, devices.chip, devices.current_version as version,
        case when ${isSilentAt(silence)} then 'silent' else devices.status end as status,
        ${mark(isHeldAt(silence.nowMs))} as held, ${mark(sql`coalesce(devices.counted, '') = 'no'`)} as test,
        ${mark(isOverdueAt(silence))} as overdue, ${mark(sql`presence.is_flapping = 1`)} as flapping
      from devices join presence on presence.device_id = devices.id
      where devices.id > ${afterId} and devices.id <= ${untilId} and (${where})) as meant
    group by product, chip, version, status, held, test, overdue, flapping`.execute(db);
  return rows;
}

/** How many of this range of keys have each label. */
export async function countLabelled(
  db: Reader,
  where: Where | undefined,
  { afterId, untilId }: KeyRange,
): Promise<readonly { readonly label: string; readonly devices: number }[]> {
  const { rows } = await sql<{
    readonly label: string;
    readonly devices: number;
  }>`select labels.name as label, count(*) as devices
    from device_labels join labels on labels.id = device_labels.label_id
      join devices on devices.id = device_labels.device_id join presence on presence.device_id = devices.id
    where device_labels.device_id > ${afterId} and device_labels.device_id <= ${untilId} and (${where ?? EVERYBODY})
    group by labels.name`.execute(db);
  return rows;
}

/** The name of the rollout that each of them was offered something by last. */
export async function listLastRollouts(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<DeviceId, string>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .select(['assignments.device_id', 'rollouts.name'])
    .where('assignments.id', 'in', (e) =>
      e
        .selectFrom('assignments')
        .select(({ fn }) => fn.max('assignments.id').as('id'))
        .where('assignments.device_id', 'in', [...deviceIds])
        .groupBy('assignments.device_id'),
    )
    .execute();
  return new Map(rows.map(({ device_id, name }) => [device_id, name]));
}

/** All of these that are there must hold. */
export interface DeviceFilter {
  readonly product: string | undefined;
  readonly label: string | undefined;
  readonly version: string | undefined;
  readonly status: SeenDeviceRow['status'] | 'silent' | undefined;
  readonly macPrefix: string | undefined;
  /** What a query says. */
  readonly where: Where | undefined;
  readonly silence: SilenceRule;
}

export async function listDevices(db: Reader, filter: DeviceFilter, page: Page): Promise<Paged<SeenDeviceRow>> {
  return runPage(withPresence(db).where(passes(filter)), page, { id: 'devices.id' });
}

function passes({ product, label, version, status, macPrefix, where, silence }: DeviceFilter): Where {
  const conditions: Where[] = [EVERYBODY];
  if (product !== undefined) conditions.push(sql`devices.product = ${product}`);
  if (version !== undefined) conditions.push(sql`devices.current_version = ${version}`);
  if (status !== undefined) conditions.push(hasStatus(status, silence));
  if (macPrefix !== undefined) conditions.push(hasMac(macPrefix));
  if (label !== undefined) conditions.push(hasLabel(label));
  if (where !== undefined) conditions.push(where);
  return sql`${sql.join(conditions, sql` and `)}`;
}
