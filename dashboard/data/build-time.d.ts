// What `vite.config.ts` puts in place of these names.

declare const OTTER_ROUTES: Readonly<
  Record<import('#protocol/admin/routes.ts').AdminRouteName, readonly [method: string, path: string]>
>;
declare const OTTER_EVENTS: Readonly<Record<import('#protocol/admin/events.ts').EventType, string>>;
