// The rollouts that are under way: running, paused or halted. There may be more of them than are read at once.

import { type Rollout, withVersion } from './rollouts.ts';
import type { Reader } from './schema.ts';

/** Rollouts that are read, and shown, at once. */
const OPEN_PAGE = 100;

/** In the order of their ids, those after this one; at most 100. */
export async function listOpenRollouts(db: Reader, afterId = 0): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.status', 'in', ['running', 'paused', 'halted'])
    .where('rollouts.id', '>', afterId)
    .orderBy('rollouts.id')
    .limit(OPEN_PAGE)
    .execute();
}

/** All of them, however many there are, a page in memory at a time. */
export async function* eachOpenRollout(db: Reader): AsyncGenerator<Rollout> {
  for (let afterId = 0; ;) {
    const page = await listOpenRollouts(db, afterId);
    yield* page;
    if (page.length < OPEN_PAGE) return;
    afterId = page.at(-1)?.id ?? afterId;
  }
}

export async function countOpenRollouts(db: Reader): Promise<number> {
  const { count } = await db
    .selectFrom('rollouts')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('status', 'in', ['running', 'paused', 'halted'])
    .executeTakeFirstOrThrow();
  return count;
}
