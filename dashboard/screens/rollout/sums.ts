// Numbers of a rollout over all its opened stages.

import type { Rollout } from '#protocol/admin/rollouts.ts';

type Column = Exclude<keyof Rollout['stages'][number]['outcomes'], 'targeted'> | 'targeted';

export function sumOf({ stages }: Rollout, column: Column): number {
  return stages
    .filter(({ opened_at }) => opened_at !== null)
    .reduce((sum, { outcomes }) => sum + (outcomes[column] ?? 0), 0);
}
