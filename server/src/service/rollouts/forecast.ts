// From rows to the forecast of a rollout: what the rules are asked with for stages that are still to open.

import type { PagedDevice } from '#server/db/fleet/device-pages.ts';
import { isOpened, rolloutFactsOf, stageFactsOf } from '#server/db/rollouts/facts.ts';
import type { Rollout, Stage } from '#server/db/rollouts/rollouts.ts';
import type { Forecast } from '#engine/decision/forecast.ts';
import { hardwareOf, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceFacts, RolloutFacts } from '#engine/facts/model.ts';

/** Of a draft, whose first stage is still to open, as much as of an open rollout. */
export function forecastOf(
  row: Rollout,
  stages: readonly Stage[],
  build: Pick<RolloutFacts, 'firmware' | 'imageIds'>,
): Forecast {
  const rollout = rolloutFactsOf(row, stages, build);
  if (rollout === undefined) throw new Error('a rollout without stages');
  return {
    // Whose turn it is now says nothing of who belongs to it.
    rollout: { ...rollout, pace: { maxInFlight: undefined, maxOffersPerMinute: undefined } },
    stages: stages.map((stage) => ({ ...stageFactsOf(stage), name: stage.name })),
    openedCount: stages.filter(isOpened).length,
  };
}

/** A device as the rules see it, from its rows. */
export function deviceFactsOf(
  row: Omit<PagedDevice, 'id' | 'last_seen_at_ms' | 'limit_s'>,
  labels: DeviceFacts['labels'],
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
    onTrial: row.on_trial === 1,
    labels,
  };
}

/** What the row remembers of the board; nothing of one that was never seen. */
export function rememberedOf(
  row: Pick<PagedDevice, 'chip' | 'other_chip' | 'slot_bytes'> | undefined,
): RememberedHardware {
  return {
    chip: row?.chip ?? undefined,
    otherChip: row?.other_chip ?? undefined,
    slotBytes: row?.slot_bytes ?? undefined,
  };
}
