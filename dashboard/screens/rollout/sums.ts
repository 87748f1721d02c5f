// Numbers of a rollout over all its opened stages.

import type { Rollout } from '#protocol/admin/rollouts.ts';

type Column = Exclude<keyof Rollout['stages'][number]['outcomes'], 'targeted'> | 'targeted';

export function sumOf({ stages }: Rollout, column: Column): number {
  return stages
    .filter(({ opened_at }) => opened_at !== null)
    .reduce((sum, { outcomes }) => sum + (outcomes[column] ?? 0), 0);
}

const AFFECTED = ['failed', 'crashing', 'lost'] as const;
const WELL = ['on_trial', 'soaking', 'healthy'] as const;

/** Boards on which the build did not turn out well. */
export function affectedOf(rollout: Rollout): number {
  return AFFECTED.reduce((sum, column) => sum + sumOf(rollout, column), 0);
}

/** Boards that have the build, or had it. */
export function exposedOf(rollout: Rollout): number {
  return WELL.reduce((sum, column) => sum + sumOf(rollout, column), affectedOf(rollout));
}
