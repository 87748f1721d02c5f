// Counts once an hour how many devices run which version. Of several servers one does it. Range by range, so that boards are answered
// between; at 100 000 devices it is fifty short reads an hour, and no check-in pays for it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { hourOf } from '#engine/outcome/health.ts';
import { CENSUS_RANGE, MAX_CENSUS_BUILDS, MAX_HISTORY_PRODUCTS, MAX_HISTORY_VERSIONS } from '#protocol/limits.ts';
import { claimHour, countVersionsIn, saveVersionHour, type VersionCount } from '#server/db/history/version-hours.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';

export class VersionCensus {
  readonly #deps: WatchDeps;
  /** The hour that is counted, by this server or by another. */
  #doneHour: number | undefined;
  /** The hour that is this server's to count, until it is stored. */
  #claimedHour: number | undefined;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** With each tick. Where it fails, the next tick tries it again. */
  async tick(nowMs: number): Promise<void> {
    const hour = hourOf(nowMs);
    if (hour === this.#doneHour) return;
    const { database } = this.#deps;
    // The first board is counted as soon as it is there, not with the next hour.
    if ((await findLastDeviceId(database.read)) === 0) return;
    if (hour !== this.#claimedHour && (await database.writeSoft(async (trx) => claimHour(trx, hour))))
      this.#claimedHour = hour;
    if (hour === this.#claimedHour) {
      const counts = mostOf(await this.#count());
      await database.writeSoft(async (trx) => saveVersionHour(trx, hour, counts));
    }
    this.#claimedHour = undefined;
    this.#doneHour = hour;
  }

  async #count(): Promise<Census> {
    const { read } = this.#deps.database;
    const lastId = await findLastDeviceId(read);
    const census = new Census();
    for (let afterId = 0; afterId < lastId; afterId += CENSUS_RANGE) {
      for (const count of await countVersionsIn(read, { afterId, untilId: afterId + CENSUS_RANGE })) census.add(count);
      await nextTurn();
    }
    return census;
  }
}

/** The sums of all ranges. A fleet in which every device says another version does not fill the memory. */
class Census {
  readonly products = new Map<string, Map<string, number>>();
  #builds = 0;

  add({ product, version, devices }: VersionCount): void {
    const isFull = this.#builds >= MAX_CENSUS_BUILDS;
    const versions = this.products.get(product) ?? new Map<string, number>();
    if (versions.size === 0 && isFull) return;
    const named = isFull && !versions.has(version) ? '' : version;
    if (!versions.has(named)) this.#builds += 1;
    versions.set(named, (versions.get(named) ?? 0) + devices);
    this.products.set(product, versions);
  }
}

/** What is stored: of the products with the most devices the versions with the most devices, and the rest of each together. */
function mostOf({ products }: Census): readonly VersionCount[] {
  return [...products]
    .map(([product, versions]) => ({ product, versions, total: sumOf([...versions.values()]) }))
    .toSorted((left, right) => right.total - left.total)
    .slice(0, MAX_HISTORY_PRODUCTS)
    .flatMap(({ product, versions, total }) => {
      const named = [...versions]
        .filter(([version]) => version !== '')
        .toSorted(([, left], [, right]) => right - left)
        .slice(0, MAX_HISTORY_VERSIONS)
        .map(([version, devices]) => ({ product, version, devices }));
      const others = total - sumOf(named.map(({ devices }) => devices));
      return others === 0 ? named : named.concat({ product, version: '', devices: others });
    });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
