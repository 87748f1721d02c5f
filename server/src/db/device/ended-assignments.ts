// Assignments that ended long ago, and how they go: those that speak for a board in a rollout are counted in `past_boards` by the
// same transaction that removes them, so that the counts of an old rollout stay what they were. Which of them may go is not said here.

import type { DeviceId } from '#protocol/identity.ts';
import { sql } from 'kysely';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

const OPEN = ['offered', 'downloading', 'downloaded', 'installing', 'trial'] satisfies readonly AssignmentState[];

export interface EndedAssignmentRow {
  readonly id: number;
  readonly device_id: DeviceId;
  readonly rollout_id: number;
  readonly firmware_id: number;
  readonly pardoned: 0 | 1;
}

/** Keys of assignments above `afterId` and up to `untilId`. */
export interface KeyRange {
  readonly afterId: number;
  readonly untilId: number;
}

/** Ended ones of this range that have not changed since before this instant. */
export async function listEndedBefore(
  db: Reader,
  { afterId, untilId }: KeyRange,
  beforeMs: number,
): Promise<readonly EndedAssignmentRow[]> {
  return db
    .selectFrom('assignments')
    .select(['id', 'device_id', 'rollout_id', 'firmware_id', 'pardoned'])
    .where('id', '>', afterId)
    .where('id', '<=', untilId)
    .where('updated_at_ms', '<', beforeMs)
    .where('state', 'not in', OPEN)
    .orderBy('id')
    .execute();
}

export async function findLastAssignmentId(db: Reader): Promise<number> {
  const { id } = await db
    .selectFrom('assignments')
    .select((e) => e.fn.max('id').as('id'))
    .executeTakeFirstOrThrow();
  return id ?? 0;
}

/** Rollouts that ended before this instant, and that nobody watches any more. */
export async function listEndedRollouts(
  db: Reader,
  beforeMs: number,
  nowMs: number,
): Promise<readonly { readonly id: number; readonly firmware_id: number }[]> {
  return db
    .selectFrom('rollouts')
    .select(['id', 'firmware_id'])
    .where('status', 'in', ['complete', 'aborted'])
    .where('ended_at_ms', '<', beforeMs)
    .where((e) => e.or([e('watch_until_ms', 'is', null), e('watch_until_ms', '<=', nowMs)]))
    .execute();
}

export interface LatestAssignments {
  readonly device_id: DeviceId;
  readonly taken_assignment_id: number | null;
  readonly latest_id: number | null;
  /** The way back apart. */
  readonly latest_forward_id: number | null;
}

export async function listLatestAssignments(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, LatestAssignments>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('devices')
    .select((e) => {
      const latest = e
        .selectFrom('assignments')
        .select((nested) => nested.fn.max('assignments.id').as('id'))
        .whereRef('assignments.device_id', '=', 'devices.id');
      return [
        'devices.id as device_id',
        'devices.taken_assignment_id',
        latest.as('latest_id'),
        latest.where('assignments.is_rollback', '=', 0).as('latest_forward_id'),
      ];
    })
    .where('devices.id', 'in', [...deviceIds])
    .execute();
  return new Map(rows.map((row) => [row.device_id, row]));
}

/** Removes those of these assignments that are still as old. Resolves with how many those were. */
export async function removeEndedBefore(trx: Trx, ids: readonly number[], beforeMs: number): Promise<number> {
  if (ids.length === 0) return 0;
  await addPastBoards(trx, sql<boolean>`updated_at_ms < ${beforeMs} and ${isOneOf(ids)} and ${HAS_ENDED}`);
  const { numDeletedRows } = await trx
    .deleteFrom('assignments')
    .where('id', 'in', [...ids])
    .where('updated_at_ms', '<', beforeMs)
    .where('state', 'not in', OPEN)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

const HAS_ENDED = sql`state not in (${sql.join(OPEN.map((state) => sql.lit(state)))})`;

function isOneOf(ids: readonly number[]) {
  return sql`id in (${sql.join(ids)})`;
}

/** Counts the boards that these assignments speak for, before the assignments go. */
export async function addPastBoards(trx: Trx, which: ReturnType<typeof sql<boolean>>): Promise<void> {
  await sql`insert into past_boards (rollout_id, stage_id, outcome, mark, counted, fault, acknowledged, boards)
    select rollout_id, stage_id, outcome, mark, coalesce(counted, ''), coalesce(fault, ''), acknowledged, count(*)
    from assignments where is_latest = 1 and is_rollback = 0 and ${which}
    group by rollout_id, stage_id, outcome, mark, coalesce(counted, ''), coalesce(fault, ''), acknowledged
    on conflict (rollout_id, stage_id, outcome, mark, counted, fault, acknowledged)
    do update set boards = past_boards.boards + excluded.boards`.execute(trx);
}
