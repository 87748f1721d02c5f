// A device goes with everything that is known of it: presence, hours, labels and assignments go with its row, and its token with it, so that
// the board is let in anew, whatever it remembers. What it showed in
// rollouts stays counted in `past_boards`.

import type { DeviceId } from '#protocol/identity.ts';
import { sql } from 'kysely';
import type { Outcome } from '#engine/outcome/outcome.ts';
import { addAssignmentEvents } from '#server/db/events/events.ts';
import { IS_IN_FLIGHT } from '#server/db/device/assignments.ts';
import { addPastBoards } from '#server/db/device/ended-assignments.ts';
import { forgetIdentities } from '#server/db/identity/identities.ts';
import type { AssignmentsTable, Reader, Trx } from '#server/db/schema.ts';

/** Outcomes that nothing is waited for: what the board has shown, it has shown. */
const DECIDED = ['healthy', 'failed', 'crashing', 'lost'] as const satisfies readonly Outcome[];

export interface OpenOffer {
  readonly rollout: string;
  readonly version: string;
  readonly state: AssignmentsTable['state'];
}

/** The assignment that is not over yet; undefined: the device has none. */
export async function findOpenOffer(db: Reader, deviceId: DeviceId): Promise<OpenOffer | undefined> {
  return db
    .selectFrom('assignments')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .innerJoin('firmware', 'firmware.id', 'assignments.firmware_id')
    .select(['rollouts.name as rollout', 'firmware.version', 'assignments.state'])
    .where('assignments.device_id', '=', deviceId)
    .where(IS_IN_FLIGHT)
    .executeTakeFirst();
}

export async function countAssignments(db: Reader, deviceId: DeviceId): Promise<number> {
  const { count } = await db
    .selectFrom('assignments')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  return count;
}

export async function deleteDevices(trx: Trx, deviceIds: readonly DeviceId[], nowMs: number): Promise<void> {
  await addAssignmentEvents(trx, { atMs: nowMs, state: 'superseded', data: { removed: true } }, (open) =>
    open.where('assignments.device_id', 'in', [...deviceIds]).where(IS_IN_FLIGHT),
  );
  const isOver = sql`rollout_id in (select id from rollouts where status in ('complete', 'aborted')
    and (watch_until_ms is null or watch_until_ms <= ${nowMs}))`;
  const isDecided = sql`outcome in (${sql.join(DECIDED.map((outcome) => sql.lit(outcome)))})`;
  await addPastBoards(trx, sql<boolean>`device_id in (${sql.join(deviceIds)}) and (${isDecided} or ${isOver})`);
  await forgetIdentities(trx, deviceIds);
  await trx
    .deleteFrom('devices')
    .where('id', 'in', [...deviceIds])
    .execute();
}
