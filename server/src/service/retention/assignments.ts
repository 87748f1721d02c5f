// Assignments that ended long ago, of rollouts that are over: not those of an open or watched one, nor of the build that boards are
// offered or go back to now. What an assignment still says of its board keeps it (engine/assignment/kept.ts). The boards that a
// removed assignment spoke for stay counted in its rollout.

import { isKept } from '#engine/assignment/kept.ts';
import { PRUNE_RANGE } from '#protocol/limits.ts';
import {
  type EndedAssignmentRow,
  findLastAssignmentId,
  listEndedBefore,
  listEndedRollouts,
  listLatestAssignments,
  removeEndedBefore,
} from '#server/db/device/ended-assignments.ts';
import { listFailedAssignments } from '#server/db/device/failed-assignments.ts';
import type { Reader } from '#server/db/schema.ts';
import { assignmentEndOf } from '#server/service/device/assignment.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import type { PruneRange } from './prune-range.ts';

export async function forgetAssignments(
  deps: WatchDeps,
  { afterId, beforeMs }: PruneRange,
  nowMs: number,
): Promise<number | undefined> {
  const { database } = deps;
  const over = await listOver(deps, beforeMs, nowMs);
  if (over.size === 0) return undefined;
  const untilId = afterId + PRUNE_RANGE;
  const ended = await listEndedBefore(database.read, { afterId, untilId }, beforeMs);
  const removable = await selectRemovable(
    database.read,
    ended.filter(({ rollout_id }) => over.has(rollout_id)),
  );
  if (removable.length > 0) await database.write(async (trx) => removeEndedBefore(trx, removable, beforeMs));
  return untilId < (await findLastAssignmentId(database.read)) ? untilId : undefined;
}

/** Rollouts of which assignments may go. */
async function listOver(
  { database, catalog }: WatchDeps,
  beforeMs: number,
  nowMs: number,
): Promise<ReadonlySet<number>> {
  const ended = await listEndedRollouts(database.read, beforeMs, nowMs);
  if (ended.length === 0) return new Set();
  const offered = offeredBuilds(await catalog.current());
  return new Set(ended.filter(({ firmware_id }) => !offered.has(firmware_id)).map(({ id }) => id));
}

/** The stable build of each product and the one before it: boards take them every day, each is counted once. */
function offeredBuilds(view: CatalogView): ReadonlySet<number> {
  return new Set(
    view.products.flatMap((product) => {
      const stable = view.stableOf(product);
      const prior = stable === undefined ? undefined : view.priorStableOf(view.getFirmware(stable.firmware.id));
      return [stable, prior].flatMap((rollout) => (rollout === undefined ? [] : [rollout.firmware.id]));
    }),
  );
}

async function selectRemovable(db: Reader, ended: readonly EndedAssignmentRow[]): Promise<readonly number[]> {
  const deviceIds = [...new Set(ended.map(({ device_id }) => device_id))];
  const latest = await listLatestAssignments(db, deviceIds);
  const failed = await listFailedAssignments(db, deviceIds);
  return ended
    .filter((assignment) => {
      const board = latest.get(assignment.device_id);
      const ofBuild = (failed.get(assignment.device_id) ?? []).filter(
        (one) => one.firmware_id === assignment.firmware_id,
      );
      return !isKept(
        { id: assignment.id, isPardoned: assignment.pardoned === 1 },
        {
          latestIds: [board?.latest_id ?? assignment.id, board?.latest_forward_id ?? assignment.id],
          takenId: board?.taken_assignment_id ?? undefined,
          failed: ofBuild.map(assignmentEndOf),
        },
      );
    })
    .map(({ id }) => id);
}
