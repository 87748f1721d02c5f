// Who belongs to a stage for a dynamic label: kept when the stage opens, so that a device stays with its rollout, and with the build that
// this makes stable, whatever it becomes later. Of a label that operators put on devices nothing is kept: there the label decides.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** Whether a stage of the rollout that has opened is for a dynamic label. */
export async function hasDynamicStage(db: Reader, rolloutId: number): Promise<boolean> {
  const found = await db
    .selectFrom('stages')
    .innerJoin('labels', 'labels.name', 'stages.label')
    .select('stages.id')
    .where('stages.rollout_id', '=', rolloutId)
    .where('stages.opened_at_ms', 'is not', null)
    .where('labels.query', 'is not', null)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** To be called when a stage has opened: whoever has the label of one of the opened stages now belongs to it from now on. */
export async function keepMembers(
  trx: Trx,
  rolloutId: number,
  { afterId, untilId }: { readonly afterId: number; readonly untilId: number },
): Promise<void> {
  await sql`insert into stage_members (device_id, stage_id)
    select device_labels.device_id, stages.id from stages
      join rollouts on rollouts.id = stages.rollout_id
      join labels on labels.name = stages.label and labels.query is not null
      join device_labels on device_labels.label_id = labels.id
      join devices on devices.id = device_labels.device_id and devices.product = rollouts.product
    where stages.rollout_id = ${rolloutId} and stages.opened_at_ms is not null
      and device_labels.device_id > ${afterId} and device_labels.device_id <= ${untilId}
    on conflict (device_id, stage_id) do nothing`.execute(trx);
}

/** The stages that each of these devices belongs to. */
export async function listMemberships(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('stage_members')
    .select(['device_id', 'stage_id'])
    .where('device_id', 'in', [...deviceIds])
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ device_id }) => device_id)].map(([id, ofIt]) => [id, ofIt.map((row) => row.stage_id)]),
  );
}
