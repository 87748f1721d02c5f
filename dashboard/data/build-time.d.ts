// What `vite.config.ts` puts in place of these names.

declare const OTTER_ROUTES: Readonly<Record<import('./routes.ts').ShownRoute, readonly [method: string, path: string]>>;
