// What is known of the stored bytes of images: when they were compared last, and what was wrong with them.

import type { Reader, Trx } from '#server/db/schema.ts';

/** An image as a check of its bytes needs it. */
export interface ImageToCheck {
  readonly id: number;
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

export interface DamagedImage extends ImageToCheck {
  readonly damage: string;
}

/** Before `beforeMs` a check counts no more, one that found damage before `damagedBeforeMs`, one after `aheadMs` never did. */
export interface DueBy {
  readonly beforeMs: number;
  readonly damagedBeforeMs: number;
  readonly aheadMs: number;
}

/** At most `limit` whose check is due. */
export async function listDueChecks(db: Reader, due: DueBy, limit: number): Promise<readonly ImageToCheck[]> {
  return select(db)
    .where((where) =>
      where.or([
        where('images.checked_at_ms', 'is', null),
        where('images.checked_at_ms', '<', due.beforeMs),
        where('images.checked_at_ms', '>', due.aheadMs),
        where.and([where('images.damage', 'is not', null), where('images.checked_at_ms', '<', due.damagedBeforeMs)]),
      ]),
    )
    .orderBy('images.id')
    .limit(limit)
    .execute();
}

export async function listDamaged(db: Reader): Promise<readonly DamagedImage[]> {
  const rows = await select(db).select('images.damage').where('images.damage', 'is not', null).execute();
  return rows.flatMap(({ damage, ...image }) => (damage === null ? [] : [{ ...image, damage }]));
}

/** Undefined where there is no such image. */
export async function findImageToCheck(
  db: Reader,
  id: number,
): Promise<(ImageToCheck & { readonly damage: string | null }) | undefined> {
  return select(db).select('images.damage').where('images.id', '=', id).executeTakeFirst();
}

/** `damage`: what is wrong with its bytes, or null. Of all images with these bytes: they are stored once. */
export async function saveCheck(
  trx: Trx,
  sha256: string,
  { atMs, damage }: { readonly atMs: number; readonly damage: string | null },
): Promise<void> {
  await trx.updateTable('images').set({ checked_at_ms: atMs, damage }).where('sha256', '=', sha256).execute();
}

/** Every image is due; what is known to be damaged stays known. */
export async function forgetChecks(trx: Trx): Promise<void> {
  await trx.updateTable('images').set({ checked_at_ms: null }).execute();
}

function select(db: Reader) {
  return db
    .selectFrom('images')
    .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
    .select([
      'images.id',
      'firmware.product',
      'firmware.version',
      'images.folder as chip',
      'images.sha256',
      'images.size_bytes',
    ]);
}
