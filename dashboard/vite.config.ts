// How the dashboard is built. The build is the same on every machine, so that a test can compare it with what is committed.

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { EVENT_TYPES } from '#protocol/admin/events.ts';
import { adminRoutes } from '#protocol/admin/routes.ts';

/** Method and path of each route. The schemas stay out of the browser: the server checks, and it is of the same release. */
const routes = Object.fromEntries(
  Object.entries(adminRoutes).map(([name, { method, path }]) => [name, [method, path]]),
);

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  define: { OTTER_ROUTES: JSON.stringify(routes), OTTER_EVENTS: JSON.stringify(EVENT_TYPES) },
  // Replaced by the server, anew for each page.
  html: { cspNonce: '__NONCE__' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing as `data:`: the policy of the page names files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
});
