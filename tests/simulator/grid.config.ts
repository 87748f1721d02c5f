// For the whole grid of simulated rollouts, which takes minutes.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/simulator/grid.slow.ts'], testTimeout: 1_800_000, pool: 'forks' },
});
