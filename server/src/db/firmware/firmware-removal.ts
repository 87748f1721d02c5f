// Firmware goes with its images, the rollouts of it, and every assignment of it. Assignments may be many: they go by ranges of their
// keys, and those that belong to rollouts of other firmware stay counted there.

import { type SqlBool, sql } from 'kysely';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import { addPastBoards, type KeyRange } from '#server/db/device/ended-assignments.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** Devices in the middle of it, and one of them. */
export async function findInFlightOf(
  db: Reader,
  firmwareId: number,
): Promise<{ readonly devices: number; readonly example: string | null }> {
  return db
    .selectFrom('assignments')
    .innerJoin('devices', 'devices.id', 'assignments.device_id')
    .select((e) => [e.fn.countAll<number>().as('devices'), e.fn.min('devices.first_name').as('example')])
    .where('assignments.firmware_id', '=', firmwareId)
    .where(IS_IN_FLIGHT)
    .executeTakeFirstOrThrow();
}

/** Names of its rollouts, whatever became of them. */
export async function listRolloutsOf(db: Reader, firmwareId: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select('name')
    .where('firmware_id', '=', firmwareId)
    .orderBy('id')
    .execute();
  return rows.map(({ name }) => name);
}

/** Whether this range has such assignments. */
export async function hasAssignmentsOf(db: Reader, firmwareId: number, range: KeyRange): Promise<boolean> {
  const found = await db
    .selectFrom('assignments')
    .select('id')
    .where(isOf(firmwareId, range))
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

function isOf(firmwareId: number, { afterId, untilId }: KeyRange) {
  return sql<SqlBool>`id > ${afterId} and id <= ${untilId} and (firmware_id = ${firmwareId}
    or rollout_id in (select id from rollouts where firmware_id = ${firmwareId}))`;
}

/** Removes the assignments of this range that are of the firmware, or of a rollout of it. Resolves with how many those were. */
export async function removeAssignmentsOf(trx: Trx, firmwareId: number, range: KeyRange): Promise<number> {
  const found = await trx.selectFrom('assignments').select('id').where(isOf(firmwareId, range)).execute();
  if (found.length === 0) return 0;
  const ids = sql.join(found.map(({ id }) => id));
  await addPastBoards(
    trx,
    sql<boolean>`id in (${ids}) and rollout_id not in (select id from rollouts where firmware_id = ${firmwareId})`,
  );
  await sql`delete from assignments where id in (${ids})`.execute(trx);
  return found.length;
}

/** The digest of the image that was removed from this address; undefined: none was. */
export async function findRemovedSha256(
  db: Reader,
  of: { readonly product: string; readonly version: string; readonly folder: string },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('removed_images')
    .select('sha256')
    .where('product', '=', of.product)
    .where('version', '=', of.version)
    .where('chip', '=', of.folder)
    .executeTakeFirst();
  return row?.sha256;
}

/** Removes the rest; to be called when no assignment of it is left. */
export async function deleteFirmware(trx: Trx, firmwareId: number): Promise<void> {
  await trx
    .insertInto('removed_images')
    .columns(['product', 'version', 'chip', 'sha256'])
    .expression((e) =>
      e
        .selectFrom('images')
        .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
        .select(['firmware.product', 'firmware.version', 'images.folder', 'images.sha256'])
        .where('firmware.id', '=', firmwareId),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const rollouts = trx.selectFrom('rollouts').select('rollouts.id').where('rollouts.firmware_id', '=', firmwareId);
  const images = trx.selectFrom('images').select('images.id').where('images.firmware_id', '=', firmwareId);
  await trx.deleteFrom('past_boards').where('rollout_id', 'in', rollouts).execute();
  await trx
    .deleteFrom('rollout_images')
    .where((e) => e.or([e('rollout_id', 'in', rollouts), e('image_id', 'in', images)]))
    .execute();
  await trx.deleteFrom('stages').where('rollout_id', 'in', rollouts).execute();
  await trx.deleteFrom('rollouts').where('firmware_id', '=', firmwareId).execute();
  await trx.deleteFrom('images').where('firmware_id', '=', firmwareId).execute();
  await trx.deleteFrom('firmware').where('id', '=', firmwareId).execute();
}
