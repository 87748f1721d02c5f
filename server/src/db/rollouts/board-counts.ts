// Boards of a rollout, counted by what the engine said of each. What the counts mean stands in engine/stage.

import { atKey } from '#server/db/fleet/device-names.ts';
import { sql } from 'kysely';
import type { Fault } from '#protocol/device/errors.ts';
import { LOSABLE_STATES, type NotCounted } from '#engine/outcome/watch.ts';
import type { BoardGroup } from '#engine/stage/counts.ts';
import { absentMs, isSilentAt, silenceLimitMs, type SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader } from '#server/db/schema.ts';

export type StageGroup = BoardGroup & { readonly stageId: number };

/**
 * The latest assignment of each board in the rollout, the way back apart: one look at an index. With those of an old rollout that
 * are not kept any more; a group may come twice.
 */
export async function countBoards(db: Reader, rolloutId: number): Promise<readonly StageGroup[]> {
  const rows = await db
    .selectFrom('assignments')
    .select((e) => [
      'stage_id',
      'outcome',
      'mark',
      'counted',
      'fault',
      'acknowledged',
      e.fn.countAll<number>().as('boards'),
    ])
    .where('rollout_id', '=', rolloutId)
    .where('is_latest', '=', sql.lit(1))
    .where('is_rollback', '=', sql.lit(0))
    .groupBy(['stage_id', 'outcome', 'mark', 'counted', 'fault', 'acknowledged'])
    .unionAll(
      db
        .selectFrom('past_boards')
        .select((e) => [
          'stage_id',
          'outcome',
          'mark',
          e.fn<NotCounted | null>('nullif', ['counted', sql.lit('')]).as('counted'),
          e.fn<Fault | null>('nullif', ['fault', sql.lit('')]).as('fault'),
          'acknowledged',
          'boards',
        ])
        .where('rollout_id', '=', rolloutId),
    )
    .execute();
  return rows.map(({ stage_id, outcome, mark, counted, fault, acknowledged, boards }) => ({
    stageId: stage_id,
    outcome,
    mark,
    isCounted: counted === null,
    fault: fault ?? undefined,
    isAcknowledged: acknowledged === 1,
    boards,
  }));
}

/** A board of a stage that was given the build and is undecided. */
export interface UndecidedBoard {
  readonly id: number;
  readonly exposedAtMs: number;
  readonly confirmedAtMs: number | undefined;
  readonly limitMs: number;
}

/** Behind `afterId`, in the order of their keys. */
export async function listUndecided(
  db: Reader,
  stage: { readonly id: number; readonly rolloutId: number; readonly silence: SilenceRule },
  page: { readonly afterId: number; readonly limit: number },
): Promise<readonly UndecidedBoard[]> {
  const rows = await undecided(db, stage)
    .select((e) => [
      'assignments.id',
      e.ref('assignments.exposed_at_ms').as('exposed_at_ms'),
      'assignments.confirmed_at_ms',
      silenceLimitMs(stage.silence).as('limit_ms'),
    ])
    .where('assignments.id', '>', page.afterId)
    .orderBy('assignments.id')
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    exposedAtMs: row.exposed_at_ms ?? 0,
    confirmedAtMs: row.confirmed_at_ms ?? undefined,
    limitMs: row.limit_ms,
  }));
}

/** How many of them have a silence limit longer than this. */
export async function countAsleep(
  db: Reader,
  stage: { readonly id: number; readonly rolloutId: number; readonly silence: SilenceRule },
  longerThanMs: number,
): Promise<number> {
  const { boards } = await undecided(db, stage)
    .select((e) => e.fn.countAll<number>().as('boards'))
    .where(silenceLimitMs(stage.silence), '>', longerThanMs)
    .executeTakeFirstOrThrow();
  return boards;
}

/** Boards of the stage that count, were given the build and are undecided. */
function undecided(db: Reader, stage: { readonly id: number; readonly rolloutId: number }) {
  return db
    .selectFrom('assignments')
    .innerJoin('presence', 'presence.device_id', 'assignments.device_id')
    .where('assignments.rollout_id', '=', stage.rolloutId)
    .where('assignments.stage_id', '=', stage.id)
    .where('assignments.is_latest', '=', sql.lit(1))
    .where('assignments.is_rollback', '=', sql.lit(0))
    .where('assignments.outcome', 'in', ['updating', 'on_trial', 'soaking'])
    .where('assignments.counted', 'is', null)
    .where('assignments.exposed_at_ms', 'is not', null);
}

/**
 * Boards of the product that were not given the build and were seen since, and how many of them name a fault of the firmware; of
 * the devices whose key is above `afterId` and at most `untilId`.
 */
export async function countSuspects(
  db: Reader,
  ask: {
    readonly product: string;
    readonly rolloutId: number;
    readonly seenSinceMs: number;
    readonly causes: readonly string[];
  },
  range: { readonly afterId: number; readonly untilId: number },
): Promise<{ readonly boards: number; readonly suspects: number }> {
  const row = await db
    .selectFrom('devices')
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select((e) => [
      e.fn.countAll<number>().as('boards'),
      e.fn
        .countAll<number>()
        .filterWhere('presence.boot_cause', 'in', [...ask.causes])
        .as('suspects'),
    ])
    .where('devices.product', '=', ask.product)
    .where('devices.id', '>', atKey(range.afterId))
    .where('devices.id', '<=', atKey(range.untilId))
    .where('presence.last_seen_at_ms', '>=', ask.seenSinceMs)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('assignments')
            .select('assignments.id')
            .whereRef('assignments.device_id', '=', 'devices.id')
            .where('assignments.rollout_id', '=', ask.rolloutId)
            .where('assignments.is_rollback', '=', 0)
            .where('assignments.exposed_at_ms', 'is not', null),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  return { boards: row.boards, suspects: row.suspects };
}

export async function findLastDeviceId(db: Reader): Promise<number> {
  const { id } = await db
    .selectFrom('devices')
    .select((e) => e.fn.max('id').as('id'))
    .executeTakeFirstOrThrow();
  return id ?? 0;
}

/**
 * Assignments of boards that were given the build and are silent beyond their limit, and were not before. A board that was away
 * and takes the build now may have been seen by another server, which has not written that yet: its silence begins then.
 */
export async function listNewlyLost(
  db: Reader,
  ask: {
    readonly rolloutIds: readonly number[];
    readonly silence: SilenceRule;
  },
  range: { readonly afterId: number; readonly untilId: number },
): Promise<readonly number[]> {
  const { nowMs } = ask.silence;
  const isSilentSince = (instant: 'exposed_at_ms' | 'confirmed_at_ms') =>
    sql<boolean>`coalesce(${sql.ref(`assignments.${instant}`)}, 0) + ${silenceLimitMs(ask.silence)} + ${absentMs(ask.silence)} < ${nowMs}`;
  const rows = await db
    .selectFrom('presence')
    .innerJoin('assignments', 'assignments.device_id', 'presence.device_id')
    .select('assignments.id')
    .where('presence.device_id', '>', atKey(range.afterId))
    .where('presence.device_id', '<=', atKey(range.untilId))
    .where(isSilentAt(ask.silence))
    .where('assignments.rollout_id', 'in', [...ask.rolloutIds])
    .where('assignments.is_latest', '=', 1)
    .where('assignments.is_rollback', '=', 0)
    .where('assignments.exposed_at_ms', 'is not', null)
    .where(isSilentSince('exposed_at_ms'))
    .where(isSilentSince('confirmed_at_ms'))
    .where('assignments.lost_at_ms', 'is', null)
    .where('assignments.moved_on_at_ms', 'is', null)
    .where('assignments.state', 'in', LOSABLE_STATES)
    .execute();
  return rows.map(({ id }) => id);
}
