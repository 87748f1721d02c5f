// Boards that had been given the build of a rollout when that was aborted, and were not heard of since: no gate looks at them any more.

import { isSilentAt, type SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader } from '#server/db/schema.ts';

export interface AbandonedBoards {
  readonly name: string;
  readonly version: string;
  readonly product: string;
  readonly blocked: 0 | 1;
  readonly boards: number | string;
}

/** Of rollouts that ended since this instant. */
export async function countAbandoned(
  db: Reader,
  endedSinceMs: number,
  silence: SilenceRule,
): Promise<readonly AbandonedBoards[]> {
  return db
    .selectFrom('rollouts')
    .innerJoin('firmware', 'firmware.id', 'rollouts.firmware_id')
    .innerJoin('assignments', 'assignments.rollout_id', 'rollouts.id')
    .innerJoin('presence', 'presence.device_id', 'assignments.device_id')
    .select((e) => [
      'rollouts.name',
      'firmware.version',
      'firmware.product',
      'firmware.blocked',
      e.fn.countAll<number | string>().as('boards'),
    ])
    .where('rollouts.status', '=', 'aborted')
    .where('rollouts.ended_at_ms', '>=', endedSinceMs)
    .where('assignments.is_latest', '=', 1)
    .where('assignments.is_rollback', '=', 0)
    .where('assignments.state', '=', 'superseded')
    .where('assignments.exposed_at_ms', 'is not', null)
    .where('assignments.counted', 'is', null)
    .whereRef('presence.last_seen_at_ms', '<=', 'assignments.updated_at_ms')
    .where(isSilentAt(silence))
    .groupBy(['rollouts.id', 'rollouts.name', 'firmware.version', 'firmware.product', 'firmware.blocked'])
    .orderBy('rollouts.id')
    .execute();
}
