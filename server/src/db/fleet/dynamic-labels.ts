// Labels with a query: which there are, and which devices have one by what the query means. A device that has it for another reason than
// its query does not come up: nobody else puts a dynamic label on a device.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { putAtOf } from './labels.ts';
import type { Where } from './where.ts';

export interface DynamicLabel {
  readonly id: number;
  readonly name: string;
  readonly query: string;
}

export async function listDynamicLabels(db: Reader): Promise<readonly DynamicLabel[]> {
  return db
    .selectFrom('labels')
    .select(['id', 'name', 'query'])
    .where('query', 'is not', null)
    .$narrowType<{ query: string }>()
    .orderBy('id')
    .execute();
}

/** Devices of this range of keys that have the label and are not meant, or the other way round. */
export async function listMisplaced(
  db: Reader,
  { id, where }: { readonly id: number; readonly where: Where },
  { afterId, untilId }: { readonly afterId: number; readonly untilId: number },
): Promise<readonly DeviceId[]> {
  const { rows } = await sql<{ id: DeviceId }>`select devices.id from devices
    join presence on presence.device_id = devices.id
    where devices.id > ${afterId} and devices.id <= ${untilId}
      and (case when ${where} then 1 else 0 end) <> (case when ${hasIt(id)} then 1 else 0 end)`.execute(db);
  return rows.map((row) => row.id);
}

/** Of these devices those get the label that are meant, and the others lose it. Resolves with how many that were. */
export async function placeDevices(
  trx: Trx,
  dialect: Dialect,
  { id, where }: { readonly id: number; readonly where: Where },
  deviceIds: readonly DeviceId[],
  nowMs: number,
): Promise<number> {
  const ids =
    dialect === 'postgres'
      ? sql`(select value::bigint from json_array_elements_text(${JSON.stringify(deviceIds)}::json))`
      : sql`(select value from json_each(${JSON.stringify(deviceIds)}))`;
  const putAtMs = await putAtOf(trx, nowMs);
  const put = await sql`insert into device_labels (device_id, label_id, put_at_ms)
    select devices.id, cast(${id} as bigint), cast(${putAtMs} as bigint) from devices
      join presence on presence.device_id = devices.id
    where devices.id in ${ids} and (${where}) and not (${hasIt(id)})
    on conflict (device_id, label_id) do nothing`.execute(trx);
  const taken = await sql`delete from device_labels where label_id = ${id} and device_id in ${ids}
    and not exists (select 1 from devices join presence on presence.device_id = devices.id
      where devices.id = device_labels.device_id and (${where}))`.execute(trx);
  return Number(put.numAffectedRows ?? 0n) + Number(taken.numAffectedRows ?? 0n);
}

function hasIt(labelId: number): Where {
  return sql`exists (select 1 from device_labels as had where had.device_id = devices.id and had.label_id = ${labelId})`;
}
