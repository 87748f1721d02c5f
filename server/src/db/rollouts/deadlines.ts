// Assignments whose time is up.

import type { AssignmentState } from '#engine/facts/model.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** Rows of one page of assignments that may be past their deadline. */
export const UNCHANGED_PAGE = 1_000;

export interface OpenAssignment {
  readonly id: number;
  readonly state: AssignmentState;
  readonly updated_at_ms: number;
  readonly error_code: string | null;
  readonly size_bytes: number;
  readonly last_seen_at_ms: number;
  /** Seconds after which the device was told to ask again. */
  readonly interval_s: number | null;
}

/**
 * Open assignments of a rollout that have not changed since before this instant, with the size of their image, in the order
 * of their ids. Those that wait for a device seen since `seenSinceMs` are left out, unless they may be late all the same: not
 * downloaded, and waiting since before `waitingSinceMs`.
 */
export async function listUnchanged(
  db: Reader,
  rolloutId: number,
  than: {
    readonly beforeMs: number;
    readonly seenSinceMs: number;
    readonly waitingSinceMs: number;
    readonly afterId: number;
  },
): Promise<readonly OpenAssignment[]> {
  return db
    .selectFrom('assignments')
    .innerJoin('images', 'images.id', 'assignments.image_id')
    .innerJoin('presence', 'presence.device_id', 'assignments.device_id')
    .select([
      'assignments.id',
      'assignments.state',
      'assignments.updated_at_ms',
      'assignments.error_code',
      'images.size_bytes',
      'presence.last_seen_at_ms',
      'presence.interval_s',
    ])
    .where('assignments.rollout_id', '=', rolloutId)
    .where(IS_IN_FLIGHT)
    .where('assignments.updated_at_ms', '<', than.beforeMs)
    .where((e) =>
      e.or([
        e('assignments.state', 'in', ['installing', 'trial']),
        e('presence.last_seen_at_ms', '<', than.seenSinceMs),
        e.and([e('assignments.state', '<>', 'downloaded'), e('assignments.updated_at_ms', '<', than.waitingSinceMs)]),
      ]),
    )
    .where('assignments.id', '>', than.afterId)
    .orderBy('assignments.id')
    .limit(UNCHANGED_PAGE)
    .execute();
}

export async function hasChangedAfter(db: Reader, rolloutId: number, afterMs: number): Promise<boolean> {
  const found = await db
    .selectFrom('assignments')
    .select('id')
    .where('rollout_id', '=', rolloutId)
    .where(IS_IN_FLIGHT)
    .where('updated_at_ms', '>', afterMs)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** Open assignments of a rollout that changed after this instant, which the clock has gone back behind, changed now. */
export async function clampFutureChanges(trx: Trx, rolloutId: number, afterMs: number, nowMs: number): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ updated_at_ms: nowMs })
    .where('rollout_id', '=', rolloutId)
    .where(IS_IN_FLIGHT)
    .where('updated_at_ms', '>', afterMs)
    .execute();
}
