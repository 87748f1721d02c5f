import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { sizeOf } from './tests/support/scope.ts';

/** Nothing takes this long; the machine may have other things to do. A million requests at night take an hour. */
const PATIENCE_MS = sizeOf({ push: 300_000, whole: 4 * 3_600_000 });

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/support/patience.ts'],
    globalSetup: ['tests/support/server/postgres.ts'],
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
    // Each worker is a process of its own, as servers and clients are.
    pool: 'forks',
    // Files share a worker and what it has loaded: that is most of the cost of a small file. What a file changes in the process
    // (environment, timers, folder), it gives back.
    isolate: false,
    // Most tests wait for processes, sockets and disks, so more of them than cores run at once.
    maxWorkers: Math.max(4, availableParallelism()),
  },
});
