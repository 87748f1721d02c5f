// How the dashboard is built. The build is the same on every machine, so that a test can compare it with what is committed.

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { SHOWN_ROUTES } from '#dashboard/data/routes.ts';
import { adminRoutes } from '#protocol/admin/routes.ts';

/** Method and path of each route that a screen calls. The schemas stay out of the browser: the server checks, and it is of the same release. */
const routes = Object.fromEntries(
  SHOWN_ROUTES.map((name) => [name, [adminRoutes[name].method, adminRoutes[name].path]]),
);

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  define: { OTTER_ROUTES: JSON.stringify(routes) },
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
