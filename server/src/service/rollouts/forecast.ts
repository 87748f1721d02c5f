// From rows to the course of a rollout: what the rules are asked with for stages that are still to open.

import type { PagedDevice } from '#server/db/fleet/device-pages.ts';
import type { Rollout, Stage } from '#server/db/rollouts/rollouts.ts';
import type { Course } from '#engine/decision/course.ts';
import { hardwareOf, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceFacts, OpenedStage, RolloutFacts } from '#engine/facts/model.ts';

/** Of a draft, whose first stage is still to open, as much as of an open rollout. */
export function courseOf(
  row: Rollout,
  stages: readonly Stage[],
  { firmware, imageIds }: Pick<RolloutFacts, 'firmware' | 'imageIds'>,
): Course {
  const opened = stages.filter((stage) => stage.opened_at_ms !== null);
  const latest = opened.at(-1) ?? stages[0];
  if (latest === undefined) throw new Error('a rollout without stages');
  return {
    rollout: {
      id: row.id,
      name: row.name,
      status: row.status,
      stageId: latest.id,
      stage: latest.name,
      stageOpenedAtMs: latest.opened_at_ms ?? Number.NEGATIVE_INFINITY,
      opened: opened.map(toStage),
      planned: stages.map(({ label, percentage }) => ({ label, percentage })),
      // Whose turn it is now says nothing of who belongs to it.
      pace: { maxInFlight: undefined, maxOffersPerMinute: undefined },
      seed: row.seed,
      votes: { countsBeforeMs: row.counts_before_ms ?? undefined, countsSimulated: row.counts_simulated === 1 },
      firmware,
      imageIds,
    },
    stages: stages.map((stage) => ({ ...toStage(stage), name: stage.name })),
    openedCount: opened.length,
  };
}

/** Who belongs to it; windows and soaks say nothing of that. */
function toStage({ id, label, percentage }: Stage): OpenedStage {
  return { id, label, percentage, soakMs: 0 };
}

/** A device as the rules see it, from its rows. */
export function deviceFactsOf(
  row: Omit<PagedDevice, 'id' | 'last_seen_at_ms' | 'limit_s'>,
  labels: DeviceFacts['labels'],
): DeviceFacts {
  return {
    mac: row.mac,
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
