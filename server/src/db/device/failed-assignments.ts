// Assignments that ended badly: which of them count against a build on a device, and how an operator forgives them.

import type { DeviceId } from '#protocol/identity.ts';
import { sql } from 'kysely';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { AssignmentRow } from './assignments.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** States of assignments that ended badly. */
export const FAILED = ['failed', 'rolled_back', 'rejected', 'timed_out'] as const satisfies readonly AssignmentState[];

/** What the history of a build on a device goes by (`engine/assignment/assignment.ts`, `historyOf`). */
export const AS_FAILED = [
  'id',
  'device_id',
  'firmware_id',
  'state',
  'said_it_left',
  'error_code',
  'boot_cause',
  'excused',
  'updated_at_ms',
] as const satisfies readonly (keyof AssignmentRow)[];
export type FailedAssignmentRow = Pick<AssignmentRow, (typeof AS_FAILED)[number]>;

/** Every board of a rollout that has failed, crashes or is lost so far: its gates count only those that do from now on. */
export async function acknowledgeFailed(trx: Trx, rolloutId: number): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ acknowledged: 1 })
    .where('rollout_id', '=', rolloutId)
    .where('is_latest', '=', 1)
    .where((e) => e.or([e('fault', 'is not', null), e('outcome', 'in', ['crashing', 'lost'])]))
    .execute();
  await acknowledgePast(trx, rolloutId);
}

/** Of boards that were removed since: counted with those that are acknowledged already. */
async function acknowledgePast(trx: Trx, rolloutId: number): Promise<void> {
  const isMeant = sql`rollout_id = ${rolloutId} and acknowledged = 0 and (fault <> '' or outcome in ('crashing', 'lost'))`;
  await sql`insert into past_boards (rollout_id, stage_id, outcome, mark, counted, fault, acknowledged, boards)
    select rollout_id, stage_id, outcome, mark, counted, fault, 1, boards from past_boards where ${isMeant}
    on conflict (rollout_id, stage_id, outcome, mark, counted, fault, acknowledged)
    do update set boards = past_boards.boards + excluded.boards`.execute(trx);
  await sql`delete from past_boards where ${isMeant}`.execute(trx);
}

/** The number of the last assignment of this build on this device (0: none is known), and whether it left the build a pardon. */
export async function findLastAttempt(
  trx: Trx,
  deviceId: DeviceId,
  firmwareId: number,
): Promise<{ readonly attempt: number; readonly pardoned: boolean }> {
  const last = await trx
    .selectFrom('assignments')
    .select(['attempt', 'pardoned'])
    .where('device_id', '=', deviceId)
    .where('firmware_id', '=', firmwareId)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { attempt: last?.attempt ?? 0, pardoned: last?.pardoned === 1 };
}

/** Ended-badly assignments of these devices that still count, of one firmware where it is named. */
export async function listFailed(
  db: Reader,
  deviceIds: readonly DeviceId[],
  firmwareId?: number,
): Promise<readonly AssignmentRow[]> {
  const query = db
    .selectFrom('assignments')
    .selectAll()
    .where('device_id', 'in', [...deviceIds])
    .where('forgiven', '=', 0)
    .where('state', 'in', FAILED);
  return (firmwareId === undefined ? query : query.where('firmware_id', '=', firmwareId)).orderBy('id').execute();
}

/** Of every device: ended-badly assignments that still count, of firmware of this version, whatever its product. */
export async function listFailedOfVersion(db: Reader, version: string): Promise<readonly FailedAssignmentRow[]> {
  return db
    .selectFrom('assignments')
    .select(AS_FAILED)
    .where('firmware_id', 'in', (nested) =>
      nested.selectFrom('firmware').select('firmware.id').where('firmware.version', '=', version),
    )
    .where('forgiven', '=', 0)
    .where('state', 'in', FAILED)
    .orderBy('id')
    .execute();
}

/** The builds of which an operator has forgiven a failure on this device. */
export async function listForgivenBuilds(db: Reader, deviceId: DeviceId): Promise<ReadonlySet<number>> {
  const rows = await db
    .selectFrom('assignments')
    .select('firmware_id')
    .distinct()
    .where('device_id', '=', deviceId)
    .where('forgiven', '=', 1)
    .execute();
  return new Set(rows.map(({ firmware_id }) => firmware_id));
}

/**
 * These assignments do not count any more against their builds on their devices, and the next offer of such a build, or the one
 * that is open, says so to the device.
 */
export async function forgive(trx: Trx, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const forgiven = [...ids];
  await trx.updateTable('assignments').set({ forgiven: 1 }).where('id', 'in', forgiven).execute();
  await trx
    .updateTable('assignments')
    .set({ pardoned: 1 })
    .where('id', 'in', (latest) =>
      latest
        .selectFrom('assignments as past')
        .innerJoin('assignments as any', (join) =>
          join.onRef('any.device_id', '=', 'past.device_id').onRef('any.firmware_id', '=', 'past.firmware_id'),
        )
        .select((e) => e.fn.max('any.id').as('id'))
        .where('past.id', 'in', forgiven)
        .groupBy(['past.device_id', 'past.firmware_id']),
    )
    .execute();
}

/** Assignments of each of these devices that ended badly and still count. */
export async function listFailedAssignments(
  db: Reader,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlyMap<number, readonly FailedAssignmentRow[]>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('assignments')
    .select(AS_FAILED)
    .where('device_id', 'in', [...deviceIds])
    // In the words of the index `assignments_attempts`, which has few of the assignments of a device.
    .where(sql<boolean>`state not in ('confirmed', 'superseded') and forgiven = 0`)
    .where('state', 'in', FAILED)
    .execute();
  return Map.groupBy(rows, ({ device_id }) => device_id);
}
