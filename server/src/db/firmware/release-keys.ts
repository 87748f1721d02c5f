// Release keys: public halves of what builds are signed with, and the signatures of images. Rows of keys stay when a key is
// retired, so that the list says when that was.

import { type Selectable, sql } from 'kysely';
import type { ReleaseKeysTable } from '#server/db/firmware-tables.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

export type ReleaseKeyRow = Selectable<ReleaseKeysTable>;

/** `product` of a key that counts for every one: no product is called so. */
export const EVERY_PRODUCT = '*';

/** The one trusted first comes first. */
export async function listReleaseKeys(db: Reader): Promise<readonly ReleaseKeyRow[]> {
  return db
    .selectFrom('release_keys')
    .selectAll()
    .orderBy('trusted_at_ms')
    .orderBy('key_id')
    .orderBy('product')
    .execute();
}

/** A key that was retired is trusted again. */
export async function saveReleaseKey(trx: Trx, row: ReleaseKeyRow): Promise<void> {
  await trx
    .insertInto('release_keys')
    .values(row)
    .onConflict((conflict) => conflict.columns(['key_id', 'product']).doUpdateSet(row))
    .execute();
}

/** One that was retired. */
export async function forgetReleaseKey(
  trx: Trx,
  { key_id, product }: Pick<ReleaseKeyRow, 'key_id' | 'product'>,
): Promise<void> {
  await trx
    .deleteFrom('release_keys')
    .where('key_id', '=', key_id)
    .where('product', '=', product)
    .where('retired_at_ms', 'is not', null)
    .execute();
}

export async function saveRetired(
  trx: Trx,
  { key_id, product }: Pick<ReleaseKeyRow, 'key_id' | 'product'>,
  retired: Pick<ReleaseKeyRow, 'retired_at_ms' | 'retired_by' | 'retired_reason'>,
): Promise<void> {
  await trx
    .updateTable('release_keys')
    .set(retired)
    .where('key_id', '=', key_id)
    .where('product', '=', product)
    .execute();
}

/** `signed`: `StoredSignatures` as JSON. */
export async function saveSigned(trx: Trx, imageId: number, signed: string): Promise<void> {
  await trx.updateTable('images').set({ signed }).where('id', '=', imageId).execute();
}

/** Images that somebody signed, with what the signature is about. */
export async function listSignedImages(db: Reader) {
  return db
    .selectFrom('images')
    .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
    .select(['images.id', 'images.folder', 'images.size_bytes', 'images.sha256', 'images.signed'])
    .select(['firmware.product', 'firmware.version', 'firmware.security_version'])
    .where('images.signed', 'is not', null)
    .orderBy('images.id')
    .execute();
}

/** Devices of one product that say the same keys; `release_keys` null: they do not say it. */
export interface KeyHolders {
  readonly product: string;
  readonly chip: string | null;
  /** A JSON array of key ids, as it was said. */
  readonly release_keys: string | null;
  readonly needed: number | null;
  readonly devices: number;
}

/** Looks at every device: for an operator's question, not for a check-in. */
export async function countKeyHolders(db: Reader, dialect: Dialect): Promise<readonly KeyHolders[]> {
  const keys = saidKeys(dialect);
  const needed =
    dialect === 'postgres'
      ? sql<number | null>`(attributes::jsonb ->> 'release_keys_needed')::integer`
      : sql<number | null>`json_extract(attributes, '$.release_keys_needed')`;
  return db
    .selectFrom('devices')
    .select(({ fn }) => [
      'product',
      'chip',
      keys.as('release_keys'),
      needed.as('needed'),
      fn.countAll<number>().as('devices'),
    ])
    .groupBy(['product', 'chip', keys, needed])
    .orderBy('product')
    .orderBy('devices', 'desc')
    .execute();
}

/** First names of some devices that say exactly these keys. */
export async function listKeyHolders(
  db: Reader,
  dialect: Dialect,
  { product, release_keys }: Pick<KeyHolders, 'product' | 'release_keys'>,
  limit: number,
): Promise<readonly string[]> {
  const keys = saidKeys(dialect);
  const rows = await db
    .selectFrom('devices')
    .select('first_name')
    .where('product', '=', product)
    .where(release_keys === null ? sql<boolean>`${keys} is null` : sql<boolean>`${keys} = ${release_keys}`)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ first_name }) => first_name);
}

/** What a device said of its keys at its last check-in, as JSON; null: nothing. */
function saidKeys(dialect: Dialect) {
  return dialect === 'postgres'
    ? sql<string | null>`(attributes::jsonb -> 'release_keys')::text`
    : sql<string | null>`json_extract(attributes, '$.release_keys')`;
}
