// Of which boards a report that repeats a number said something else than the first one, and when last.

import { type DeviceId } from '#protocol/identity.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import type { Reader, Trx } from '#server/db/schema.ts';

/** Resolves with the device where it was not noted since `sinceMs`. */
export async function noteDifferingReports(
  trx: Trx,
  deviceId: DeviceId,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): Promise<Pick<SeenDeviceRow, 'id' | 'first_name' | 'given_name' | 'product'> | undefined> {
  return trx
    .updateTable('devices')
    .set({ reports_differ_at_ms: nowMs })
    .where('id', '=', deviceId)
    .where((e) => e.or([e('reports_differ_at_ms', 'is', null), e('reports_differ_at_ms', '<=', sinceMs)]))
    .returning(['id', 'first_name', 'given_name', 'product'])
    .executeTakeFirst();
}

const MAX_EXAMPLES = 5;

/** Boards of which it was noted since then; simulated ones are nobody's. */
export async function countDifferingReports(
  db: Reader,
  sinceMs: number,
): Promise<{ readonly boards: number; readonly examples: readonly string[] }> {
  const since = db.selectFrom('devices').where('reports_differ_at_ms', '>', sinceMs).where('is_simulated', '=', 0);
  const { boards } = await since.select((e) => e.fn.countAll<number | string>().as('boards')).executeTakeFirstOrThrow();
  const rows = await since.select('first_name').orderBy('reports_differ_at_ms', 'desc').limit(MAX_EXAMPLES).execute();
  return { boards: Number(boards), examples: rows.map(({ first_name }) => first_name) };
}
