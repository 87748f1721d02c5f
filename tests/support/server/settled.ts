// Waiting until events may be read. PostgreSQL shows them when no older transaction is at work in any of its databases, and
// other tests work in theirs.

import { vi } from 'vitest';
import { openRaw, type WithDatabase } from './raw-database.ts';

const IS_SETTLED = `select coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint as settled from events`;

/** Resolves when every event that is committed can be read. */
export async function untilSettled(server: WithDatabase): Promise<void> {
  if (server.databaseUrl.startsWith('sqlite:')) return;
  const raw = await openRaw(server);
  await vi.waitFor(
    async () => {
      if ((await raw.query(IS_SETTLED))[0]?.['settled'] !== true) throw new Error('older transactions are at work');
    },
    { timeout: 10_000, interval: 5 },
  );
  await raw.close();
}
