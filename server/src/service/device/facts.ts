// From rows to the facts that rules read: the same for a check-in, for `explain`, for a preview and for a download. What an assignment
// is made of stands in assignment.ts beside it.

import type { DeviceRow } from '#server/db/fleet/devices.ts';
import type { HoldColumns } from '#server/db/fleet/holds.ts';
import type { OrderColumns } from '#server/db/fleet/orders.ts';
import type { VoterFacts } from '#engine/outcome/vote.ts';
import type { Hold } from '#engine/facts/hold.ts';
import type { Standing } from '#engine/facts/identity.ts';
import type { Cancelled } from '#engine/facts/orders.ts';
import { hardwareOf, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceFacts, Facts } from '#engine/facts/model.ts';
import type { AssignmentFacts } from '#engine/decision/plan-check-in.ts';
import { rolloutFor, stableFor, stageOf, targetOf } from '#engine/decision/target.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';

/** Everything but what follows from the assignments. */
export type FactsOfDevice = Omit<Facts, keyof AssignmentFacts>;

/** What is limited is not counted here: `countLimits` does, where it matters. */
export function factsOf(device: DeviceFacts, view: CatalogView, nowMs: number): FactsOfDevice {
  const running = view.findRunning(device);
  const facts = {
    device,
    running,
    rollout: rolloutFor(view.openRolloutsOf(device.product), device),
    stable: stableFor(view.completedOf(device.product), device, running),
    requiredVersions: view.requiredVersionsOf(device.product),
    takesUnsigned: view.trustedKeysOf(device.product).length === 0,
  };
  const rollout = targetOf(facts)?.rollout;
  const stage = rollout === undefined ? undefined : stageOf(rollout, device);
  const labels = device.labels.map(({ name }) => name);
  return {
    ...facts,
    window: view.windows.find({ rollout, stage, labels }, nowMs),
    freeze: view.freezeOf(device.product),
    load: undefined,
    budgets: view.budgetsOf(device.labels),
  };
}

/** Of what a device says of itself, what rules read beside chip and slot. */
export function saidOf(
  attributes: Readonly<Record<string, unknown>>,
): Pick<DeviceFacts, 'chipRevision' | 'flashBytes' | 'library' | 'releaseKeys' | 'signaturesNeeded'> {
  const { chip_revision, flash_bytes, library, release_keys, release_keys_needed } = attributes;
  return {
    chipRevision: typeof chip_revision === 'number' ? chip_revision : undefined,
    flashBytes: typeof flash_bytes === 'number' ? flash_bytes : undefined,
    library: typeof library === 'string' ? library : undefined,
    // Only what passed the edge is stored: names of keys, or nothing.
    releaseKeys: Array.isArray(release_keys) ? release_keys.map(String) : undefined,
    signaturesNeeded: typeof release_keys_needed === 'number' ? release_keys_needed : 1,
  };
}

/** A device as the rules see it; a check-in is asked by the row that it leaves. */
export function deviceFactsOf(
  row: Pick<
    DeviceRow,
    | 'first_name'
    | 'product'
    | 'current_version'
    | 'image_sha256'
    | 'chip'
    | 'other_chip'
    | 'slot_bytes'
    | 'said_chip'
    | 'said_slot_bytes'
    | 'on_trial'
    | 'attributes'
  > &
    HoldColumns &
    OrderColumns,
  labels: DeviceFacts['labels'],
  memberOf: DeviceFacts['memberOf'] = [],
  standing: Standing = 'counts',
): DeviceFacts {
  return {
    firstName: row.first_name,
    product: row.product,
    currentVersion: row.current_version,
    imageSha256: row.image_sha256 ?? undefined,
    ...hardwareOf(rememberedOf(row), {
      chip: row.said_chip ?? undefined,
      slotBytes: row.said_slot_bytes ?? undefined,
    }),
    ...saidOf(JSON.parse(row.attributes)),
    onTrial: row.on_trial === 1,
    labels,
    memberOf,
    hold: holdOf(row),
    cancelled: cancelledOf(row),
    offerNowAtMs: row.offer_now_at_ms ?? undefined,
    standing,
  };
}

function cancelledOf(row: OrderColumns): Cancelled | undefined {
  if (row.cancelled_firmware_id === null) return undefined;
  return {
    firmwareId: row.cancelled_firmware_id,
    reason: row.cancelled_reason ?? '',
    goesBack: row.goes_back === 1,
    backToId: row.goes_back_to_id ?? undefined,
  };
}

/** Also one whose end has passed: the rules say when it holds. */
function holdOf(row: HoldColumns): Hold | undefined {
  if (row.held_at_ms === null) return undefined;
  return {
    reason: row.held_reason ?? '',
    untilMs: row.held_until_ms ?? undefined,
    holdsWayBack: row.holds_way_back === 1,
  };
}

/** What the row remembers of the board; nothing of one that was never seen. */
export function rememberedOf(
  row: Pick<DeviceRow, 'chip' | 'other_chip' | 'slot_bytes'> | undefined,
): RememberedHardware {
  return {
    chip: row?.chip ?? undefined,
    otherChip: row?.other_chip ?? undefined,
    slotBytes: row?.slot_bytes ?? undefined,
  };
}

/** Whether the device counts in gates, as far as the device itself decides it. */
export function voterOf(
  row: Pick<DeviceRow, 'first_seen_at_ms' | 'is_simulated' | 'shared_mac_at_ms' | 'counted'>,
): VoterFacts {
  return {
    firstSeenAtMs: row.first_seen_at_ms,
    isSimulated: row.is_simulated === 1,
    isShared: row.shared_mac_at_ms !== null,
    override: row.counted ?? undefined,
  };
}
