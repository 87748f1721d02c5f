// What is said of the boards of rollouts that still count, after it changed who counts: each is asked the rules anew.

import { notCountedOf } from '#engine/outcome/vote.ts';
import { listLatestOf } from '#server/db/device/assignments.ts';
import { saveCounted } from '#server/db/device/left-out.ts';
import type { DeviceRow } from '#server/db/fleet/devices.ts';
import type { Trx } from '#server/db/schema.ts';
import { voterOf } from '#server/service/device/facts.ts';

type Voter = Pick<
  DeviceRow,
  'id' | 'first_seen_at_ms' | 'is_simulated' | 'shared_mac_at_ms' | 'counted' | 'held_at_ms' | 'cancelled_firmware_id'
>;

/**
 * One that did not take the build from here stays as it is: it shows nothing, whoever says what; so do one that is held, one whose update
 * is cancelled, and one whose token was revoked, unless these are let in again.
 */
export async function countAnew(
  trx: Trx,
  devices: readonly Voter[],
  { areLetIn = false }: { readonly areLetIn?: boolean } = {},
): Promise<void> {
  const byId = new Map(devices.map((device) => [device.id, device]));
  const changed = (await listLatestOf(trx, [...byId.keys()])).flatMap((row) => {
    const device = byId.get(row.device_id);
    if (device === undefined) return [];
    if (row.counted === 'not_taken' && device.counted !== 'yes') return [];
    if (row.counted === 'held' && device.held_at_ms !== null) return [];
    if (row.counted === 'revoked' && !areLetIn) return [];
    if (row.counted === 'cancelled' && device.cancelled_firmware_id !== null) return [];
    const rules = {
      countsBeforeMs: row.counts_before_ms ?? undefined,
      countsSimulated: row.counts_simulated === 1,
    };
    const counted = notCountedOf(voterOf(device), rules) ?? null;
    return counted === row.counted ? [] : [{ id: row.id, counted }];
  });
  for (const [counted, ofIt] of Map.groupBy(changed, (one) => one.counted))
    await saveCounted(
      trx,
      ofIt.map(({ id }) => id),
      counted,
    );
}
