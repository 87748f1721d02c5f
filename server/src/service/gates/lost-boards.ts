// Finds boards that were given a build and then fell silent: nobody else looks at a board that does not speak. Each is marked
// as lost with what it was in the middle of; the first check-in of one that comes back takes the mark away.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { canBeLost, watchLost } from '#engine/outcome/watch.ts';
import { findLastDeviceId, listNewlyLost } from '#server/db/rollouts/board-counts.ts';
import { findAssignment, saveAssignment } from '#server/db/device/assignments.ts';
import { listWatchedIds } from '#server/db/rollouts/open.ts';
import type { Trx } from '#server/db/schema.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { columnsOf, movingOf } from '#server/service/device/assignment.ts';
import { KEEP_FACTOR, SMALL_FLEET } from './keep.ts';
import { silenceAt } from '#server/service/device/observation.ts';

const RANGE = 2_000;
const MARKED_AT_ONCE = 100;

export class LostBoards {
  readonly #deps: WatchDeps;
  #nextLookMs = 0;
  #devices = 0;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  async look(nowMs: number): Promise<void> {
    const startMs = performance.now();
    if (startMs < this.#nextLookMs) return;
    const rolloutIds = await listWatchedIds(this.#deps.database.read, nowMs);
    if (rolloutIds.length > 0) await this.#lookAt(rolloutIds, nowMs);
    const costMs = performance.now() - startMs;
    this.#nextLookMs = this.#devices <= SMALL_FLEET ? 0 : performance.now() + KEEP_FACTOR * costMs;
  }

  async #lookAt(rolloutIds: readonly number[], nowMs: number): Promise<void> {
    const { database } = this.#deps;
    const ask = { rolloutIds, silence: silenceAt(this.#deps, nowMs) };
    const lastId = await findLastDeviceId(database.read);
    this.#devices = lastId;
    for (let afterId = 0; afterId < lastId; afterId += RANGE) {
      const lost = await listNewlyLost(database.read, ask, { afterId, untilId: afterId + RANGE });
      for (let start = 0; start < lost.length; start += MARKED_AT_ONCE)
        await database.write(async (trx) => {
          for (const id of lost.slice(start, start + MARKED_AT_ONCE)) await markLost(trx, id, nowMs);
        });
      await nextTurn();
    }
  }
}

async function markLost(trx: Trx, id: number, nowMs: number): Promise<void> {
  const row = await findAssignment(trx, id);
  // It may have been seen, or ended, since it was looked at.
  if (row === undefined || row.is_latest !== 1) return;
  const moving = movingOf(row);
  if (!canBeLost(moving.watch, moving.progress.state)) return;
  await saveAssignment(trx, id, columnsOf({ ...moving, watch: watchLost(moving.watch, nowMs) }), nowMs);
}
