// The boards that are meant, as queries that the server reads: one of them all, or some boards by their ids with each.

import type { DeviceFilter } from '../address.ts';
import { whereOf } from '../where.ts';
import type { Picked } from './picked.ts';

/** A query has at most 50 conditions and 1000 letters; ids are short. */
const IDS_AT_ONCE = 35;

/** True of every board. */
const EVERYBODY = 'held or not held';

export function queriesOf({ ids, isAll }: Pick<Picked, 'ids' | 'isAll'>, { q }: DeviceFilter): readonly string[] {
  if (isAll) return [whereOf(q).where ?? EVERYBODY];
  const all = [...ids];
  return Array.from({ length: Math.ceil(all.length / IDS_AT_ONCE) }, (_, index) =>
    all
      .slice(index * IDS_AT_ONCE, (index + 1) * IDS_AT_ONCE)
      .map((id) => `id:${id}`)
      .join(' or '),
  );
}
