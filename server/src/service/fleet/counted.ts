// Whether a board counts in gates: what an operator says of it, and boards that are taken for two. What the rules say of a board
// when it is offered a build stands with its assignment; a change reaches the assignments that still speak for it.

import type { Device } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { isShared } from '#engine/outcome/shared-mac.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import { listLatestOf, saveCounted } from '#server/db/device/assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { type DeviceRow, saveContradictions, saveOverride } from '#server/db/fleet/devices.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { voterOf } from '#server/service/device/facts.ts';
import { getRow, viewOne } from './devices.ts';

export interface CountedChange {
  /** `auto`: the rules decide. */
  readonly counted: 'yes' | 'no' | 'auto';
  readonly reason?: string | undefined;
}

/** Throws `device_unknown`. */
export async function setCounted(
  deps: Deps,
  device: DeviceRef,
  change: CountedChange,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  await deps.database.write(async (trx) => {
    const row = await getRow(trx, device);
    const counted = change.counted === 'auto' ? null : change.counted;
    await saveOverride(trx, row.id, { counted, counted_reason: change.reason ?? null });
    await countAnew(trx, [{ ...row, counted }]);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.counted',
      subject: row.first_name,
      details: { ...change },
    });
  });
  return viewOne(deps, device, nowMs);
}

/** One more sign that its MAC is that of two boards. */
export async function noteContradiction(trx: Trx, device: DeviceRow, nowMs: number): Promise<void> {
  const contradictions = device.contradictions + 1;
  const isNewlyShared = device.shared_mac_at_ms === null && isShared(contradictions);
  const shared_mac_at_ms = isNewlyShared ? nowMs : device.shared_mac_at_ms;
  await saveContradictions(trx, device.id, { contradictions, shared_mac_at_ms });
  if (isNewlyShared) await countAnew(trx, [{ ...device, shared_mac_at_ms }]);
}

type Voter = Pick<
  DeviceRow,
  'id' | 'first_seen_at_ms' | 'is_simulated' | 'shared_mac_at_ms' | 'counted' | 'held_at_ms' | 'cancelled_firmware_id'
>;

/** One that did not take the build from here stays as it is: it shows nothing, whoever says what; so do one that is held and one whose update is cancelled. */
export async function countAnew(trx: Trx, devices: readonly Voter[]): Promise<void> {
  const byId = new Map(devices.map((device) => [device.id, device]));
  const changed = (await listLatestOf(trx, [...byId.keys()])).flatMap((row) => {
    const device = byId.get(row.device_id);
    if (device === undefined) return [];
    if (row.counted === 'not_taken' && device.counted !== 'yes') return [];
    if (row.counted === 'held' && device.held_at_ms !== null) return [];
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
