// Another chance for the devices on which a rollout failed by what may pass (network, device, a trial that did not reach the
// server): their earlier failures are forgiven, the latest keeps its back-off. Where there is proof against the build, it
// stays known bad, and the answer says on how many devices and why.

import { assertNever, OtterError } from '#protocol/errors.ts';
import { forgive } from '#server/db/device/failed-assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import type { FailedAssignmentRow } from '#server/db/device/failed-assignments.ts';
import { listBuildAssignments, listFailedDevices } from '#server/db/retryable.ts';
import { findRollout, type Rollout } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import { historyOf } from '#engine/assignment/assignment.ts';
import { causeOfKnownBad, forgivableOf } from '#engine/assignment/retry.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { assignmentEndOf } from '#server/service/device/assignment.ts';

const PAGE = 250;
const MAX_EXAMPLES = 10;

export interface Retried {
  /** Devices of which failures were forgiven. */
  devices: number;
  examples: string[];
  /** Devices on which a build of the rollout stays known bad, and why. */
  known_bad: {
    devices: number;
    examples: string[];
    causes: { cause: string | null; devices: number }[];
  };
}

/** Throws `rollout_unknown`, and `invalid_transition` for a draft or an aborted rollout, which offers nothing. */
export async function retryRollout(
  deps: Deps,
  name: string,
  reason: string | undefined,
  by: Principal,
  nowMs: number,
): Promise<Retried> {
  return deps.database.write(async (trx) => {
    const rollout = await findRollout(trx, name);
    if (rollout === undefined)
      throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list of rollouts');
    refuseWithoutOffers(rollout);
    const retried = await forgiveAll(trx, rollout, nowMs);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'rollout.retry',
      subject: name,
      details: {
        devices: retried.devices,
        stay_known_bad: retried.known_bad.devices,
        ...(reason === undefined ? {} : { reason }),
      },
    });
    return retried;
  });
}

async function forgiveAll(trx: Trx, rollout: Rollout, nowMs: number): Promise<Retried> {
  const retried: string[] = [];
  const stay = new Map<string, string | undefined>();
  for (let afterId = 0; ;) {
    const devices = await listFailedDevices(trx, rollout.id, { afterId, limit: PAGE });
    const assignments = await listBuildAssignments(
      trx,
      rollout.id,
      devices.map(({ id }) => id),
    );
    const forgiven: number[] = [];
    for (const { id, first_name } of devices) {
      const ofBuilds = [...Map.groupBy(assignments.get(id) ?? [], ({ firmware_id }) => firmware_id).values()];
      const judged = ofBuilds.map((ofBuild) => judgeBuild(ofBuild, nowMs));
      const ids = judged.flatMap((build) => build.forgiven);
      const bad = judged.find((build) => build.isKnownBad);
      forgiven.push(...ids);
      if (ids.length > 0) retried.push(first_name);
      if (bad !== undefined) stay.set(first_name, bad.cause);
    }
    await forgive(trx, forgiven);
    const last = devices.at(-1);
    if (last === undefined || devices.length < PAGE)
      return { devices: retried.length, examples: retried.slice(0, MAX_EXAMPLES), known_bad: viewKnownBad(stay) };
    afterId = last.id;
  }
}

interface JudgedBuild {
  /** The assignments to forgive. */
  readonly forgiven: readonly number[];
  /** With the others. */
  readonly isKnownBad: boolean;
  readonly cause: string | undefined;
}

function judgeBuild(ofBuild: readonly FailedAssignmentRow[], nowMs: number): JudgedBuild {
  const assignments = ofBuild.map(assignmentEndOf);
  const forgiven = new Set(forgivableOf(assignments).map(({ id }) => id));
  const left = assignments.filter(({ id }) => !forgiven.has(id));
  return {
    forgiven: [...forgiven],
    // One that runs it by now is past it.
    isKnownBad: left.at(-1)?.state !== 'confirmed' && historyOf(left, nowMs).knownBad,
    cause: causeOfKnownBad(left),
  };
}

/** `devices`: the cause on each. */
function viewKnownBad(devices: ReadonlyMap<string, string | undefined>): Retried['known_bad'] {
  const causes = [...Map.groupBy(devices.values(), (cause) => cause ?? null)]
    .map(([cause, ofCause]) => ({ cause, devices: ofCause.length }))
    .toSorted((left, right) => right.devices - left.devices || ((left.cause ?? '') < (right.cause ?? '') ? -1 : 1));
  return { devices: devices.size, examples: [...devices.keys()].slice(0, MAX_EXAMPLES), causes };
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
