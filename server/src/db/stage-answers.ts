// Assignments whose time is up.

import type { AssignmentState } from '#engine/facts/model.ts';
import type { Reader, Trx } from './schema.ts';

const OPEN = ['offered', 'downloading', 'downloaded', 'installing', 'trial'] satisfies readonly AssignmentState[];

export interface OpenAssignment {
  readonly id: number;
  readonly device_id: number;
  readonly firmware_id: number;
  readonly updated_at_ms: number;
  readonly size_bytes: number;
}

/** Open assignments of a rollout that have not changed since before this instant, with the size of their image. */
export async function listUnchanged(
  db: Reader,
  rolloutId: number,
  beforeMs: number,
): Promise<readonly OpenAssignment[]> {
  return db
    .selectFrom('assignments')
    .innerJoin('images', 'images.id', 'assignments.image_id')
    .select([
      'assignments.id',
      'assignments.device_id',
      'assignments.firmware_id',
      'assignments.updated_at_ms',
      'images.size_bytes',
    ])
    .where('assignments.rollout_id', '=', rolloutId)
    .where('assignments.state', 'in', OPEN)
    .where('assignments.updated_at_ms', '<', beforeMs)
    .orderBy('assignments.id')
    .limit(1_000)
    .execute();
}

export async function hasChangedAfter(db: Reader, rolloutId: number, afterMs: number): Promise<boolean> {
  const found = await db
    .selectFrom('assignments')
    .select('id')
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', OPEN)
    .where('updated_at_ms', '>', afterMs)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** Open assignments of a rollout that changed after this instant, which the clock has gone back behind, changed now. */
export async function bringBack(trx: Trx, rolloutId: number, afterMs: number, nowMs: number): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ updated_at_ms: nowMs })
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', OPEN)
    .where('updated_at_ms', '>', afterMs)
    .execute();
}
