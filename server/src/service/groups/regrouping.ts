// Goes through the fleet once a minute while there are dynamic labels, for what changes without a check-in: a device that is not heard
// of for a week, a status, a hold. Range by range, so that boards are answered between; it writes only where a device is misplaced.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { REGROUP_MS, REGROUP_RANGE } from '#protocol/limits.ts';
import { listDynamicLabels, listMisplaced, placeDevices } from '#server/db/fleet/dynamic-labels.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import { readyQuery } from '#server/service/queries/ready-query.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';

export class Regrouping {
  readonly #deps: WatchDeps;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** With a tick, where there are dynamic labels. Several servers may do it at once: each finds what the other has done. */
  async tick(nowMs: number): Promise<void> {
    if (nowMs - this.#lastMs < REGROUP_MS && nowMs >= this.#lastMs) return;
    this.#lastMs = nowMs;
    for (const { id } of await listDynamicLabels(this.#deps.database.read)) await this.regroup(id, nowMs);
  }

  /** Of this label, now. Resolves with how many devices got or lost it. */
  async regroup(labelId: number, nowMs: number): Promise<number> {
    const { database } = this.#deps;
    const lastId = await findLastDeviceId(database.read);
    const label = (await listDynamicLabels(database.read)).find(({ id }) => id === labelId);
    if (label === undefined) return 0;
    // Once for the whole fleet: a device that says something new meanwhile is sorted by what it says.
    const where = await readyQuery(this.#deps, database.read, label.query, nowMs);
    let moved = 0;
    for (let afterId = 0; afterId < lastId; afterId += REGROUP_RANGE) {
      const range = { afterId, untilId: afterId + REGROUP_RANGE };
      const misplaced = await listMisplaced(database.read, { id: labelId, where }, range);
      if (misplaced.length > 0)
        moved += await database.write(async (trx) => {
          // The query may be another one by now, or the label gone.
          const current = (await listDynamicLabels(trx)).find(({ id }) => id === labelId);
          if (current === undefined) return 0;
          const asked = await readyQuery(this.#deps, trx, current.query, nowMs, misplaced);
          return placeDevices(trx, database.dialect, { id: labelId, where: asked }, misplaced, nowMs);
        });
      await nextTurn();
    }
    return moved;
  }
}
