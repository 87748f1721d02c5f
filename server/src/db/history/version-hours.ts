// How many devices ran which version in each hour, in a ring: an hour takes the place of the one `HISTORY_HOURS` before it, so the table
// never grows, whatever the clock does. The counts themselves are made range by range, so that boards are answered between.

import { sql } from 'kysely';
import { HISTORY_HOURS } from '#protocol/limits.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { VersionHoursTable } from './tables.ts';

export type VersionCount = Pick<VersionHoursTable, 'product' | 'version' | 'devices'>;

/** Devices of these keys by product and version, without test boards, as the status counts them. */
export async function countVersionsIn(
  db: Reader,
  { afterId, untilId }: { readonly afterId: number; readonly untilId: number },
): Promise<readonly VersionCount[]> {
  return db
    .selectFrom('devices')
    .select((e) => ['product', 'current_version as version', e.fn.countAll<number>().as('devices')])
    .where(sql<number>`id`, '>', afterId)
    .where(sql<number>`id`, '<=', untilId)
    .where(sql<boolean>`coalesce(counted, '') <> 'no'`)
    .groupBy(['product', 'current_version'])
    .execute();
}

/** Whether this hour is for the caller to count: of several servers that ask, one is told so. */
export async function claimHour(trx: Trx, hour: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('heartbeat')
    .set({ counted_hour: hour })
    .where('id', '=', sql.lit(1))
    .where(sql<number>`coalesce(counted_hour, -1)`, '<>', hour)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** In the place of what was counted for this hour before, and of the hour that had its slot. */
export async function saveVersionHour(trx: Trx, hour: number, counts: readonly VersionCount[]): Promise<void> {
  const slot = hour % HISTORY_HOURS;
  await trx.deleteFrom('version_hours').where('slot', '=', slot).execute();
  if (counts.length > 0)
    await trx
      .insertInto('version_hours')
      .values(counts.map((count) => ({ slot, hour, ...count })))
      .execute();
}

/** What was counted of a product in these hours, the earliest first. */
export async function listVersionHours(
  db: Reader,
  product: string,
  { fromHour, toHour }: { readonly fromHour: number; readonly toHour: number },
): Promise<readonly Omit<VersionHoursTable, 'slot' | 'product'>[]> {
  return (
    db
      .selectFrom('version_hours')
      .select(['hour', 'version', 'devices'])
      .where('product', '=', product)
      // An hour of a clock that was wrong for a while stays in its place until that comes round again.
      .where('hour', '>=', fromHour)
      .where('hour', '<=', toHour)
      .orderBy('hour')
      .execute()
  );
}

/** Rollouts of the product that started, halted, regressed or were reverted since then, the latest first. */
export async function listTurns(db: Reader, product: string, sinceMs: number, limit: number) {
  return db
    .selectFrom('rollouts')
    .innerJoin('firmware', 'firmware.id', 'rollouts.firmware_id')
    .select([
      'rollouts.name',
      'firmware.version',
      'rollouts.started_at_ms',
      'rollouts.halted_at_ms',
      'rollouts.regressed_at_ms',
      'rollouts.reverted_at_ms',
    ])
    .where('rollouts.product', '=', product)
    .where((e) =>
      e.or([
        e('rollouts.started_at_ms', '>=', sinceMs),
        e('rollouts.halted_at_ms', '>=', sinceMs),
        e('rollouts.regressed_at_ms', '>=', sinceMs),
        e('rollouts.reverted_at_ms', '>=', sinceMs),
      ]),
    )
    .orderBy('rollouts.id', 'desc')
    .limit(limit)
    .execute();
}
