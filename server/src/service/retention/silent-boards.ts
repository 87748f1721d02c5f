// Hours and last measurements of boards that were not seen for long. The board itself stays: `otter device remove` takes it away.

import { PRUNE_BOARDS, PRUNE_RANGE } from '#protocol/limits.ts';
import {
  forgetMeasurements as forgetRows,
  listUnseenWithHours,
  listUnseenWithMeasurements,
} from '#server/db/device/silent-boards.ts';
import { removeHours } from '#server/db/device/telemetry.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import type { Reader } from '#server/db/schema.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import type { PruneRange } from './prune-range.ts';

export async function forgetHours({ database }: WatchDeps, pruned: PruneRange): Promise<number | undefined> {
  const range = rangeOf(pruned);
  const found = await listUnseenWithHours(database.read, range);
  if (found.length > 0) await database.writeSoft(async (trx) => removeHours(trx, found));
  return behind(database.read, range, found);
}

export async function forgetMeasurements({ database }: WatchDeps, pruned: PruneRange): Promise<number | undefined> {
  const range = rangeOf(pruned);
  const found = await listUnseenWithMeasurements(database.read, range);
  if (found.length > 0) await database.writeSoft(async (trx) => forgetRows(trx, found, range.beforeMs));
  return behind(database.read, range, found);
}

function rangeOf({ afterId, beforeMs }: PruneRange) {
  return { afterId, untilId: afterId + PRUNE_RANGE, beforeMs, limit: PRUNE_BOARDS };
}

async function behind(
  db: Reader,
  { untilId, limit }: ReturnType<typeof rangeOf>,
  found: readonly number[],
): Promise<number | undefined> {
  if (found.length === limit) return found.at(-1);
  return untilId < (await findLastDeviceId(db)) ? untilId : undefined;
}
