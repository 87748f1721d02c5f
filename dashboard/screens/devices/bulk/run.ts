// Counts what a change would change, and carries it out, batch after batch. Stopped or broken off, it has changed whole boards; the same
// once more does what is left.

import { call } from '#dashboard/data/api.ts';
import type { BulkChange, BulkPreview } from '#protocol/admin/fleet/bulk.ts';

export type Change = Omit<BulkChange, 'where' | 'limit' | 'confirm' | 'cursor'>;

export type Numbers = Omit<BulkPreview, 'examples'>;

export async function countChange(
  queries: readonly string[],
  { verb, label, version }: Change,
  signal: AbortSignal,
): Promise<Numbers> {
  let sum: Numbers = { matched: 0, to_change: 0, full: 0, warnings: [] };
  for (const where of queries) {
    const given = { ...(label === undefined ? {} : { label }), ...(version === undefined ? {} : { version }) };
    const one = await call('previewBulk', { query: { verb, where, ...given } }, signal);
    sum = {
      matched: sum.matched + one.matched,
      to_change: sum.to_change + one.to_change,
      full: sum.full + one.full,
      warnings: [...new Set([...sum.warnings, ...one.warnings])],
    };
  }
  return sum;
}

interface Run {
  /** What was counted: never more than that is changed. */
  readonly numbers: Numbers;
  readonly isStopped: () => boolean;
  readonly onChanged: (changed: number) => void;
}

/** Resolves with whether it came to its end. */
export async function runChange(
  queries: readonly string[],
  change: Change,
  { numbers, isStopped, onChanged }: Run,
): Promise<boolean> {
  let changed = 0;
  for (const where of queries) {
    let cursor: string | null = null;
    do {
      if (isStopped()) return false;
      const answer: { readonly changed: number; readonly next_cursor: string | null } = await call('changeInBulk', {
        body: {
          ...change,
          where,
          confirm: true,
          ...(queries.length === 1 ? { limit: limitOf(change, numbers) } : {}),
          ...(cursor === null ? {} : { cursor }),
        },
      });
      changed += answer.changed;
      onChanged(changed);
      cursor = answer.next_cursor;
    } while (cursor !== null);
  }
  return true;
}

/** As the server counts: for what boards have or have not, those that have it already are among it. */
function limitOf({ verb }: Change, { matched, to_change: changes, full }: Numbers): number {
  return verb === 'label' || verb === 'hold' ? matched - full : changes;
}
