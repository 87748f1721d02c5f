// What became of the devices of one stage, as the gate counts them, and the assignments whose time is up.

import { sql } from 'kysely';
import type { AssignmentState } from '#engine/facts/model.ts';
import { ANSWER_STATES } from '#engine/stage/tally.ts';
import { addAssignmentEvents } from './events.ts';
import type { Reader, Trx } from './schema.ts';
import { type Labelled, labelled } from './rollouts.ts';

const OPEN = ['offered', 'downloading', 'downloaded', 'installing', 'trial'] satisfies readonly AssignmentState[];

/** Rows of one page of assignments that may be past their deadline. */
export const UNCHANGED_PAGE = 1_000;

export interface AnswerCount {
  readonly state: AssignmentState;
  readonly error_code: string | null;
  readonly boot_cause: string | null;
  /** 1: it ended because no server was there. */
  readonly excused: number;
  /** 1: it was about the given firmware. */
  readonly is_own_firmware: number;
  /** 1: it had failed when somebody resumed the rollout. */
  readonly is_acknowledged: number;
  readonly count: number;
}

/** The latest attempt of each device in this stage that has ended, counted by how. */
export async function countAnswers(db: Reader, stageId: number, firmwareId: number): Promise<readonly AnswerCount[]> {
  return db
    .selectFrom('assignments')
    .select((e) => [
      'state',
      'error_code',
      'boot_cause',
      'excused',
      sql<number>`case when firmware_id = ${firmwareId} then 1 else 0 end`.as('is_own_firmware'),
      'acknowledged as is_acknowledged',
      e.fn.countAll<number>().as('count'),
    ])
    .where('id', 'in', (nested) =>
      nested
        .selectFrom('assignments as latest')
        .select((e) => e.fn.max('latest.id').as('id'))
        .where('latest.stage_id', '=', stageId)
        .where('latest.is_rollback', '=', 0)
        .where('latest.state', 'in', ANSWER_STATES)
        .groupBy('latest.device_id'),
    )
    .groupBy(['state', 'error_code', 'boot_cause', 'excused', sql`5`, 'acknowledged'])
    .execute();
}

export async function countOpen(db: Reader, stageId: number): Promise<number> {
  const { count } = await db
    .selectFrom('assignments')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('stage_id', '=', stageId)
    .where('is_rollback', '=', 0)
    .where('state', 'in', OPEN)
    .executeTakeFirstOrThrow();
  return count;
}

/** Devices seen since then that still need the build, or that got it in this stage; none that left or refused it, or let its time pass. */
export async function listAboutMacs(
  db: Reader,
  who: Labelled,
  stage: {
    readonly id: number;
    readonly rolloutId: number;
    /** Versions that need the build. */
    readonly behind: readonly string[];
    readonly seenSinceMs: number;
  },
): Promise<readonly string[]> {
  const rows = await labelled(db, who)
    .innerJoin('presence', 'presence.device_id', 'devices.id')
    .select('devices.mac')
    .where('presence.last_seen_at_ms', '>=', stage.seenSinceMs)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('assignments')
            .select('assignments.id')
            .whereRef('assignments.device_id', '=', 'devices.id')
            .where('assignments.rollout_id', '=', stage.rolloutId)
            .where('assignments.state', 'in', ['rolled_back', 'rejected'])
            .where('assignments.excused', '=', 0),
        ),
      ),
    )
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('assignments')
            .select('assignments.id')
            .whereRef('assignments.device_id', '=', 'devices.id')
            .where('assignments.rollout_id', '=', stage.rolloutId)
            .where('assignments.state', '=', 'timed_out')
            .where((nested) =>
              nested.not(
                nested.exists(
                  nested
                    .selectFrom('assignments as later')
                    .select('later.id')
                    .whereRef('later.device_id', '=', 'assignments.device_id')
                    .whereRef('later.rollout_id', '=', 'assignments.rollout_id')
                    .whereRef('later.id', '>', 'assignments.id'),
                ),
              ),
            ),
        ),
      ),
    )
    .where((e) =>
      e.or([
        stage.behind.length === 0 ? e.lit(false) : e('devices.current_version', 'in', [...stage.behind]),
        e.exists(
          e
            .selectFrom('assignments')
            .select('assignments.id')
            .whereRef('assignments.device_id', '=', 'devices.id')
            .where('assignments.stage_id', '=', stage.id),
        ),
      ]),
    )
    .execute();
  return rows.map(({ mac }) => mac);
}

export interface OpenAssignment {
  readonly id: number;
  readonly device_id: number;
  readonly firmware_id: number;
  readonly state: AssignmentState;
  readonly updated_at_ms: number;
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
      'assignments.device_id',
      'assignments.firmware_id',
      'assignments.state',
      'assignments.updated_at_ms',
      'images.size_bytes',
      'presence.last_seen_at_ms',
      'presence.interval_s',
    ])
    .where('assignments.rollout_id', '=', rolloutId)
    .where('assignments.state', 'in', OPEN)
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

/** Resolves with whether it was still as it was read. */
export async function timeOut(trx: Trx, assignment: OpenAssignment, nowMs: number): Promise<boolean> {
  await addAssignmentEvents(trx, { atMs: nowMs, state: 'timed_out' }, (silent) =>
    silent
      .where('assignments.id', '=', assignment.id)
      .where('assignments.updated_at_ms', '=', assignment.updated_at_ms)
      .where('assignments.state', 'in', OPEN),
  );
  const { numUpdatedRows } = await trx
    .updateTable('assignments')
    .set({ state: 'timed_out', updated_at_ms: nowMs })
    .where('id', '=', assignment.id)
    .where('updated_at_ms', '=', assignment.updated_at_ms)
    .where('state', 'in', OPEN)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}
