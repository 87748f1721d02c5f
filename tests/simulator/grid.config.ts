// For the whole grid of simulated rollouts: half an hour of a quiet machine, hours of a busy one.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/simulator/grid.slow.ts'], testTimeout: 6 * 3_600_000, pool: 'forks' },
});
