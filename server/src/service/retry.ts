// Another chance for the devices on which a rollout failed by a fault of network or device: their earlier failures are
// forgiven, the latest keeps its back-off. What failed by the firmware is left as it is.

import { assertNever, OtterError } from '#protocol/errors.ts';
import { forgive } from '#server/db/assignments.ts';
import { addAudit } from '#server/db/audit.ts';
import { type BuildAttempt, listBuildAttempts, listFailedDevices } from '#server/db/retryable.ts';
import { findRollout, type Rollout } from '#server/db/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import { causeOfEnd } from '#engine/assignment/assignment.ts';
import { type EndedAttempt, forgivableOf } from '#engine/assignment/retry.ts';
import type { Deps } from './deps.ts';

const PAGE = 250;
const MAX_EXAMPLES = 10;

export interface Retried {
  /** Devices of which failures were forgiven. */
  devices: number;
  examples: string[];
}

/** Throws `rollout_unknown`, and `invalid_transition` for a draft or an aborted rollout, which offers nothing. */
export async function retryRollout(
  deps: Deps,
  name: string,
  reason: string | undefined,
  nowMs: number,
): Promise<Retried> {
  return deps.database.write(async (trx) => {
    const rollout = await findRollout(trx, name);
    if (rollout === undefined)
      throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list of rollouts');
    refuseWithoutOffers(rollout);
    const retried = await forgiveAll(trx, rollout);
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'admin',
      action: 'rollout.retry',
      subject: name,
      details: { devices: retried.devices, ...(reason === undefined ? {} : { reason }) },
    });
    return retried;
  });
}

async function forgiveAll(trx: Trx, rollout: Rollout): Promise<Retried> {
  const retried: Retried = { devices: 0, examples: [] };
  for (let afterId = 0; ;) {
    const devices = await listFailedDevices(trx, rollout.id, { afterId, limit: PAGE });
    const attempts = await listBuildAttempts(
      trx,
      rollout.id,
      devices.map(({ id }) => id),
    );
    const forgiven: number[] = [];
    for (const { id, mac } of devices) {
      const ofBuilds = Map.groupBy(attempts.get(id) ?? [], ({ firmware_id }) => firmware_id);
      const ids = [...ofBuilds.values()].flatMap((ofBuild) => forgivableOf(ofBuild.map(toEnded)));
      if (ids.length === 0) continue;
      forgiven.push(...ids.map((attempt) => attempt.id));
      retried.devices += 1;
      if (retried.examples.length < MAX_EXAMPLES) retried.examples.push(mac);
    }
    await forgive(trx, forgiven);
    const last = devices.at(-1);
    if (last === undefined || devices.length < PAGE) return retried;
    afterId = last.id;
  }
}

function toEnded({ id, state, error_code, boot_cause }: BuildAttempt): EndedAttempt {
  return { id, state, cause: causeOfEnd({ errorCode: error_code ?? undefined, bootCause: boot_cause ?? undefined }) };
}

function refuseWithoutOffers({ name, status }: Rollout): void {
  switch (status) {
    case 'running':
    case 'paused':
    case 'halted':
    case 'complete':
    case 'regressed':
      return;
    case 'draft':
      throw new OtterError(
        'invalid_transition',
        `rollout ${name} is a draft: nothing has failed yet`,
        'start it first',
      );
    case 'aborted':
      throw new OtterError(
        'invalid_transition',
        `rollout ${name} is aborted: it offers nothing any more`,
        'create a new rollout',
      );
    default:
      assertNever(status);
  }
}
