// For what takes minutes: `npm run test:nightly`.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/nightly/*.slow.ts'], testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' },
});
