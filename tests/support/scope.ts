// How much a test run proves: what every change must pass (a push), or everything (a night). The one place that reads the
// environment for it; CONTRIBUTING.md has the table of what is proven where.

export type Dialect = 'sqlite' | 'postgres';

/** Set by `npm run test:nightly`. */
const IS_NIGHTLY = process.env['OTTER_NIGHTLY'] === '1';

/** For tests where the database is the point: its contracts, order, locks, several servers, and one story of each concept. */
export const BOTH: readonly Dialect[] = ['sqlite', 'postgres'];

/** For tests that judge behaviour alone: SQLite, and PostgreSQL as well at night or with OTTER_TEST_DATABASES=all. */
export const DIALECTS: readonly Dialect[] =
  IS_NIGHTLY || process.env['OTTER_TEST_DATABASES'] === 'all' ? BOTH : ['sqlite'];

/** The size of a test: `whole` at night, and what finds the same faults in less time on a push. */
export function sizeOf<Size>({ push, whole }: { readonly push: Size; readonly whole: Size }): Size {
  return IS_NIGHTLY ? whole : push;
}
