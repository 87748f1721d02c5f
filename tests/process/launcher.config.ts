// For the test of the launcher in a fresh clone, which installs from the npm registry and takes about a minute.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/process/launcher.slow.ts'], testTimeout: 120_000, hookTimeout: 300_000, pool: 'forks' },
});
