// Holds as they are stored: on a device, and on a product, where it is a freeze. One whose end has passed stays until a tick ends it;
// the rules do not follow it any more.

import type { Selectable } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import type { DeviceRow } from './devices.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { FreezesTable } from './tables.ts';

export type FreezeRow = Selectable<FreezesTable>;

export type HoldColumns = Pick<
  DeviceRow,
  'held_at_ms' | 'held_until_ms' | 'held_reason' | 'held_by' | 'holds_way_back'
>;

export const NOT_HELD: HoldColumns = {
  held_at_ms: null,
  held_until_ms: null,
  held_reason: null,
  held_by: null,
  holds_way_back: 0,
};

export async function saveHold(trx: Trx, ids: readonly DeviceId[], hold: HoldColumns): Promise<void> {
  await trx
    .updateTable('devices')
    .set(hold)
    .where('id', 'in', [...ids])
    .execute();
}

/** Devices whose hold has ended, at most so many. */
export async function listEndedHolds(db: Reader, nowMs: number, limit: number): Promise<readonly DeviceId[]> {
  const rows = await db
    .selectFrom('devices')
    .select('id')
    .where('held_until_ms', '<=', nowMs)
    .orderBy('held_until_ms')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function countHeld(db: Reader): Promise<number> {
  const { held } = await db
    .selectFrom('devices')
    .select((e) => e.fn.countAll<number>().as('held'))
    .where('held_at_ms', 'is not', null)
    .executeTakeFirstOrThrow();
  return held;
}

export async function listFreezes(db: Reader): Promise<readonly FreezeRow[]> {
  return db.selectFrom('freezes').selectAll().orderBy('product').execute();
}

export async function saveFreeze(trx: Trx, freeze: FreezeRow): Promise<void> {
  await deleteFreeze(trx, freeze.product);
  await trx.insertInto('freezes').values(freeze).execute();
}

/** Whether it was there. */
export async function deleteFreeze(trx: Trx, product: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('freezes').where('product', '=', product).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export async function countDevicesByProduct(
  db: Reader,
): Promise<readonly { readonly product: string; readonly devices: number }[]> {
  return db
    .selectFrom('devices')
    .select((e) => ['product', e.fn.countAll<number>().as('devices')])
    .groupBy('product')
    .orderBy('product')
    .execute();
}
