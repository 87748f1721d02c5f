// The rollouts at which somebody looks: those under way (running, paused or halted), and those that are complete and still
// watched. There may be more of them than are read at once.

import { type Rollout, withVersion } from './rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

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

/** Rollouts that are over, and at which somebody still looks: regressed ones, and complete ones until their watch ends. */
export async function listAfterwards(db: Reader, nowMs: number): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where((e) =>
      e.or([
        e('rollouts.status', '=', 'regressed'),
        e.and([e('rollouts.status', '=', 'complete'), e('rollouts.watch_until_ms', '>', nowMs)]),
      ]),
    )
    .orderBy('rollouts.id')
    .limit(OPEN_PAGE)
    .execute();
}

/** Complete rollouts of this firmware whose watch goes on. */
export async function listAfterwardsOf(db: Reader, firmwareId: number, nowMs: number): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where('rollouts.firmware_id', '=', firmwareId)
    .where('rollouts.status', '=', 'complete')
    .where('rollouts.watch_until_ms', '>', nowMs)
    .orderBy('rollouts.id')
    .execute();
}

/** Rollouts whose gates are judged: those that run, and complete ones until their watch ends. Behind `afterId`. */
export async function listWatched(
  db: Reader,
  nowMs: number,
  page: { readonly afterId: number; readonly limit: number },
): Promise<readonly Rollout[]> {
  return withVersion(db)
    .where((e) =>
      e.or([
        e('rollouts.status', '=', 'running'),
        e.and([e('rollouts.status', '=', 'complete'), e('rollouts.watch_until_ms', '>', nowMs)]),
      ]),
    )
    .where('rollouts.id', '>', page.afterId)
    .orderBy('rollouts.id')
    .limit(page.limit)
    .execute();
}

/** Rollouts whose boards are watched: also while a person or a gate holds the offers. */
export async function listWatchedIds(db: Reader, nowMs: number): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select('id')
    .where((e) =>
      e.or([
        e('status', 'in', ['running', 'paused', 'halted', 'regressed']),
        e.and([e('status', '=', 'complete'), e('watch_until_ms', '>', nowMs)]),
      ]),
    )
    .execute();
  return rows.map(({ id }) => id);
}

/** Complete rollouts whose watch is over. */
export async function listToEndWatch(db: Reader, nowMs: number): Promise<readonly { readonly id: number }[]> {
  return db
    .selectFrom('rollouts')
    .select('id')
    .where('status', '=', 'complete')
    .where('watch_until_ms', '<=', nowMs)
    .execute();
}

export async function endWatch(trx: Trx, id: number): Promise<void> {
  await trx.updateTable('rollouts').set({ watch_until_ms: null }).where('id', '=', id).execute();
}

/** Of the rollouts of a firmware that was taken back: nobody has to be told any more that it is bad. */
export async function endWatchesOf(trx: Trx, firmwareId: number): Promise<void> {
  await trx.updateTable('rollouts').set({ watch_until_ms: null }).where('firmware_id', '=', firmwareId).execute();
}

export async function countOpenRollouts(db: Reader): Promise<number> {
  const { count } = await db
    .selectFrom('rollouts')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('status', 'in', ['running', 'paused', 'halted'])
    .executeTakeFirstOrThrow();
  return count;
}
