// Which images a rollout covers: those that its firmware and the required versions of its product had when it was started.

import type { RolloutStatus } from '#engine/facts/model.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** Rollouts that offer something, or did to their end. */
const STARTED = ['running', 'paused', 'halted', 'complete', 'regressed'] satisfies readonly RolloutStatus[];

/** To be called when the rollout starts. */
export async function coverImages(
  trx: Trx,
  rollout: { readonly id: number; readonly firmware_id: number; readonly product: string },
): Promise<void> {
  await trx
    .insertInto('rollout_images')
    .columns(['rollout_id', 'image_id'])
    .expression((e) =>
      e
        .selectFrom('images')
        .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
        .select((nested) => [nested.val(rollout.id).as('rollout_id'), 'images.id as image_id'])
        .where((nested) =>
          nested.or([
            nested('firmware.id', '=', rollout.firmware_id),
            nested.and([nested('firmware.product', '=', rollout.product), nested('firmware.required', '=', 1)]),
          ]),
        ),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Rollouts of the product that have started cover the images that this required version has now. */
export async function coverRequired(
  trx: Trx,
  requiredVersion: { readonly id: number; readonly product: string },
): Promise<void> {
  await trx
    .insertInto('rollout_images')
    .columns(['rollout_id', 'image_id'])
    .expression((e) =>
      e
        .selectFrom('rollouts')
        .innerJoin('images', (join) => join.on('images.firmware_id', '=', requiredVersion.id))
        .select(['rollouts.id as rollout_id', 'images.id as image_id'])
        .where('rollouts.product', '=', requiredVersion.product)
        // A rollout of this very firmware covers what it covered at its start.
        .where('rollouts.firmware_id', '<>', requiredVersion.id)
        .where('rollouts.status', 'in', STARTED),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** The keys of the images of each rollout that has started. */
export async function listCovered(db: Reader): Promise<ReadonlyMap<number, readonly number[]>> {
  const rows = await db
    .selectFrom('rollout_images')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_images.rollout_id')
    .select(['rollout_images.rollout_id', 'rollout_images.image_id'])
    .where('rollouts.status', 'in', STARTED)
    .orderBy('rollout_images.image_id')
    .execute();
  const covered = Map.groupBy(rows, ({ rollout_id }) => rollout_id);
  return new Map([...covered].map(([id, ofRollout]) => [id, ofRollout.map(({ image_id }) => image_id)]));
}

/** Images of reverted rollouts; none that a completed one covers, for then it is the way back itself. */
export async function listRevertedImages(db: Reader): Promise<ReadonlySet<number>> {
  const rows = await db
    .selectFrom('rollout_images')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_images.rollout_id')
    .innerJoin('images', 'images.id', 'rollout_images.image_id')
    .select('rollout_images.image_id')
    .where('rollouts.reverted_at_ms', 'is not', null)
    .whereRef('images.firmware_id', '=', 'rollouts.firmware_id')
    .where('rollout_images.image_id', 'not in', completedImages(db))
    .execute();
  return new Set(rows.map(({ image_id }) => image_id));
}

/** Images of its own firmware that this rollout covers and no other, completed one does: those that a revert of it takes back. */
export async function listReleasedAlone(
  db: Reader,
  rollout: { readonly id: number; readonly firmware_id: number },
): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('rollout_images')
    .innerJoin('images', 'images.id', 'rollout_images.image_id')
    .select('rollout_images.image_id')
    .where('rollout_images.rollout_id', '=', rollout.id)
    .where('images.firmware_id', '=', rollout.firmware_id)
    .where('rollout_images.image_id', 'not in', completedImages(db).where('completed.id', '<>', rollout.id))
    .execute();
  return rows.map(({ image_id }) => image_id);
}

/** The name of another, completed rollout of the same firmware; undefined where this one covers an image that none of them does. */
export async function findCompletedFor(
  db: Reader,
  rollout: { readonly id: number; readonly firmware_id: number },
): Promise<string | undefined> {
  if ((await listReleasedAlone(db, rollout)).length > 0) return undefined;
  const found = await db
    .selectFrom('rollouts')
    .select('name')
    .where('firmware_id', '=', rollout.firmware_id)
    .where('status', '=', 'complete')
    .where('id', '<>', rollout.id)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return found?.name;
}

/** Names of the rollouts of this firmware that have started, and whether one of them covers the image. */
export async function findReleases(
  db: Reader,
  image: { readonly id: number; readonly firmware_id: number },
): Promise<{ readonly rollouts: readonly string[]; readonly isCovered: boolean }> {
  const started = await db
    .selectFrom('rollouts')
    .leftJoin('rollout_images', (join) =>
      join.onRef('rollout_images.rollout_id', '=', 'rollouts.id').on('rollout_images.image_id', '=', image.id),
    )
    .select(['rollouts.name', 'rollout_images.image_id'])
    .where('rollouts.firmware_id', '=', image.firmware_id)
    .where('rollouts.status', 'in', STARTED)
    .orderBy('rollouts.id')
    .execute();
  return {
    rollouts: started.map(({ name }) => name),
    isCovered: started.some(({ image_id }) => image_id !== null),
  };
}

/** Whether a started rollout of another firmware of the product leads its devices over this image. */
export async function isRequiredCovered(
  db: Reader,
  image: { readonly id: number; readonly firmware_id: number },
): Promise<boolean> {
  const found = await db
    .selectFrom('rollout_images')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_images.rollout_id')
    .select('rollouts.id')
    .where('rollout_images.image_id', '=', image.id)
    .where('rollouts.firmware_id', '<>', image.firmware_id)
    .where('rollouts.status', 'in', STARTED)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** Whether any rollout that was ever started covers it. */
export async function wasReleased(db: Reader, imageId: number): Promise<boolean> {
  const found = await db
    .selectFrom('rollout_images')
    .select('rollout_id')
    .where('image_id', '=', imageId)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

function completedImages(db: Reader) {
  return db
    .selectFrom('rollout_images as done')
    .innerJoin('rollouts as completed', 'completed.id', 'done.rollout_id')
    .innerJoin('images as own', (join) =>
      join.onRef('own.id', '=', 'done.image_id').onRef('own.firmware_id', '=', 'completed.firmware_id'),
    )
    .select('done.image_id')
    .where('completed.status', '=', 'complete');
}
