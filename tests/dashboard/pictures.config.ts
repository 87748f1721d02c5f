// `npm run pictures`: the pictures of README and docs, made of the dashboard as it is.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/dashboard/pictures.slow.ts'],
    setupFiles: ['tests/support/patience.ts'],
    testTimeout: 300_000,
  },
});
