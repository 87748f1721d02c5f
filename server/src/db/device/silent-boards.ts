// Boards that were not seen for long, and what is forgotten of them: hours and last measurements, never the board. Read by ranges
// of keys, since there is no index on when a board was seen last: it changes with every check.

import type { DeviceId } from '#protocol/identity.ts';
import { atKey } from '#server/db/fleet/device-names.ts';
import { sql } from 'kysely';
import type { Reader, Trx } from '#server/db/schema.ts';

/** What a board measured at its last check. */
const MEASURED = ['free_heap_bytes', 'largest_block_bytes', 'rssi_dbm', 'uptime_s', 'boot_cause'] as const;

export interface UnseenQuery {
  /** Keys above this one and up to the other. */
  readonly afterId: number;
  readonly untilId: number;
  readonly beforeMs: number;
  readonly limit: number;
}

/** Boards of this range not seen since then of which hours are kept. */
export async function listUnseenWithHours(db: Reader, query: UnseenQuery): Promise<readonly DeviceId[]> {
  const rows = await unseen(db, query)
    .where((e) =>
      e.exists(
        e.selectFrom('telemetry').select('telemetry.slot').whereRef('telemetry.device_id', '=', 'presence.device_id'),
      ),
    )
    .execute();
  return rows.map(({ device_id }) => device_id);
}

/** Boards of this range not seen since then of which measurements are kept. */
export async function listUnseenWithMeasurements(db: Reader, query: UnseenQuery): Promise<readonly DeviceId[]> {
  const rows = await unseen(db, query)
    .where((e) => e.or(MEASURED.map((column) => e(column, 'is not', null))))
    .execute();
  return rows.map(({ device_id }) => device_id);
}

function unseen(db: Reader, { afterId, untilId, beforeMs, limit }: UnseenQuery) {
  return db
    .selectFrom('presence')
    .select('presence.device_id')
    .where('presence.device_id', '>', atKey(afterId))
    .where('presence.device_id', '<=', atKey(untilId))
    .where('presence.last_seen_at_ms', '<', beforeMs)
    .orderBy('presence.device_id')
    .limit(limit);
}

/** Of those of these boards that were not seen meanwhile. */
export async function forgetMeasurements(trx: Trx, deviceIds: readonly DeviceId[], beforeMs: number): Promise<void> {
  await trx
    .updateTable('presence')
    .set(Object.fromEntries(MEASURED.map((column) => [column, sql`null`])))
    .where('device_id', 'in', [...deviceIds])
    .where('last_seen_at_ms', '<', beforeMs)
    .execute();
}
