// Boards whose health is compared with how they fared before the offer.

import { sql } from 'kysely';
import type { DeviceId } from '#protocol/identity.ts';
import type { Reader } from '#server/db/schema.ts';

/** Boards that confirmed the build in this stage and run it, with how they fared before the offer. */
export async function listCompared(
  db: Reader,
  { rolloutId, stageId }: { readonly rolloutId: number; readonly stageId: number },
  limit: number,
): Promise<readonly { readonly device_id: DeviceId; readonly baseline: string; readonly confirmed_at_ms: number }[]> {
  return (
    db
      .selectFrom('assignments')
      .select((e) => ['device_id', 'baseline', e.fn.coalesce('confirmed_at_ms', 'updated_at_ms').as('confirmed_at_ms')])
      .where('rollout_id', '=', rolloutId)
      .where('stage_id', '=', stageId)
      // In the words of the index.
      .where('is_rollback', '=', sql.lit(0))
      .where('is_latest', '=', sql.lit(1))
      .where('state', '=', 'confirmed')
      .where('moved_on_at_ms', 'is', null)
      .where('baseline', 'is not', null)
      .$narrowType<{ baseline: string }>()
      .limit(limit)
      .execute()
  );
}
