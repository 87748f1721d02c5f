// What became of the boards of rollouts at which nobody looks any more. A list shows many of them, and each is counted over every
// board that took part, so a count of many boards is kept for a minute. It only reads.

import { countBoards, type StageGroup } from '#server/db/rollouts/board-counts.ts';
import type { Reader } from '#server/db/schema.ts';
import { SMALL_FLEET } from '#server/service/gates/keep.ts';

const KEPT_MS = 60_000;

export class EndedCounts {
  readonly #found = new Map<number, { readonly groups: readonly StageGroup[]; readonly untilMs: number }>();

  async count(db: Reader, rolloutId: number): Promise<readonly StageGroup[]> {
    const nowMs = performance.now();
    const known = this.#found.get(rolloutId);
    if (known !== undefined && nowMs < known.untilMs) return known.groups;
    const groups = await countBoards(db, rolloutId);
    const boards = groups.reduce((sum, group) => sum + group.boards, 0);
    if (boards > SMALL_FLEET) this.#found.set(rolloutId, { groups, untilMs: nowMs + KEPT_MS });
    return groups;
  }
}
