// Whose assignments no gate listens to: that is said of the assignments that speak for devices in rollouts.

import type { DeviceId } from '#protocol/identity.ts';
import type { Trx } from '#server/db/schema.ts';
import type { AssignmentRow } from './assignments.ts';

/**
 * Of devices that are held, or on which a build is cancelled: no gate waits for them. What they have shown of a build that they were
 * given stays counted.
 */
export async function leaveOutUngiven(
  trx: Trx,
  deviceIds: readonly DeviceId[],
  { counted, firmwareId }: { readonly counted: 'held' | 'cancelled'; readonly firmwareId?: number },
): Promise<void> {
  let query = trx.updateTable('assignments').set({ counted });
  if (firmwareId !== undefined)
    query = query.where('rollout_id', 'in', (nested) =>
      nested.selectFrom('rollouts').select('rollouts.id').where('rollouts.firmware_id', '=', firmwareId),
    );
  await query
    .where('device_id', 'in', [...deviceIds])
    .where('is_latest', '=', 1)
    .where('is_rollback', '=', 0)
    .where('counted', 'is', null)
    .where('exposed_at_ms', 'is', null)
    .where('outcome', 'in', ['waiting', 'updating', 'not_now'])
    .where('state', 'not in', ['installing', 'trial'])
    .execute();
}

/**
 * Of devices whose token was revoked: nothing is heard of them any more, which says nothing of a build. That one failed on them stays
 * counted.
 */
export async function leaveOutRevoked(trx: Trx, deviceIds: readonly DeviceId[]): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ counted: 'revoked' })
    .where('device_id', 'in', [...deviceIds])
    .where('is_latest', '=', 1)
    .where('is_rollback', '=', 0)
    .where('counted', 'is', null)
    .where('outcome', 'not in', ['failed', 'crashing'])
    .execute();
}

export async function saveCounted(trx: Trx, ids: readonly number[], counted: AssignmentRow['counted']): Promise<void> {
  await trx
    .updateTable('assignments')
    .set({ counted })
    .where('id', 'in', [...ids])
    .execute();
}
