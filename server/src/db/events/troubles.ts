// What is wrong with images and servers now, so that it is told once.

import type { Selectable } from 'kysely';
import type { EventType } from '#protocol/admin/events.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { TroublesTable } from './tables.ts';

export interface NewTrouble {
  /** What it is, and of whom: the same as long as it is one trouble. */
  readonly key: string;
  /** Both empty: of a server. */
  readonly product: string;
  readonly version: string;
  readonly data: Readonly<Record<string, string | number>>;
  readonly begins: Extract<EventType, `image.${string}` | `server.${string}`>;
  /** Null: nobody has to be told. */
  readonly ends: Extract<EventType, `image.${string}` | `server.${string}`> | null;
}

type Trouble = Pick<NewTrouble, 'product' | 'version' | 'data' | 'ends'>;

export async function listTroubles(db: Reader): Promise<readonly Selectable<TroublesTable>[]> {
  return db.selectFrom('troubles').selectAll().orderBy('key').execute();
}

/** Resolves with whether it is new. */
export async function addTrouble(
  trx: Trx,
  { key, product, version, data, ends }: NewTrouble,
  nowMs: number,
): Promise<boolean> {
  const row = { key, product, version, data: JSON.stringify(data), ends, since_ms: nowMs };
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('troubles')
    .values(row)
    .onConflict((conflict) => conflict.column('key').doNothing())
    .executeTakeFirstOrThrow();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Undefined: somebody else did it. */
export async function deleteTrouble(trx: Trx, key: string): Promise<Trouble | undefined> {
  const row = await trx.deleteFrom('troubles').where('key', '=', key).returningAll().executeTakeFirst();
  return row && { ...row, data: JSON.parse(row.data) };
}

export async function addTroubleEvent(
  trx: Trx,
  { product, version, data }: Pick<NewTrouble, 'product' | 'version' | 'data'>,
  type: NewTrouble['begins'],
  nowMs: number,
): Promise<void> {
  await trx
    .insertInto('events')
    .values({
      at_ms: nowMs,
      type,
      product,
      version,
      rollout: '',
      stage: null,
      device_id: null,
      mac: null,
      assignment_id: null,
      from_state: null,
      data: JSON.stringify(data),
    })
    .execute();
}
