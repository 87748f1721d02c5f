// The addresses of the dashboard: the server answers each with the same page, and the page shows the screen of its address.
// `/firmware/...` below the list are images of boards, so a firmware is named in the query.

export const DASHBOARD_PAGES = [
  '/',
  '/log-in',
  '/devices',
  '/devices/:device',
  '/rollouts',
  '/rollouts/new',
  '/rollouts/:name',
  '/firmware',
  '/add-board',
  '/schedules',
  '/activity',
  '/settings',
  '/server',
] as const;

export type DashboardPage = (typeof DASHBOARD_PAGES)[number];
