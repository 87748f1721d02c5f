// From rows to the facts that rules read: the same for a check-in, for `explain` and for a download.

import type { StoredFirmware } from '#server/db/catalog.ts';
import type { AttemptRow, CheckInFacts } from '#server/db/check-in-facts.ts';
import type { DeviceFacts, Facts } from '#engine/facts/model.ts';
import type { Attempt, AttemptFacts } from '#engine/decision/plan-check-in.ts';
import { rolloutFor, stableFor, stageOf, targetOf } from '#engine/decision/target.ts';
import type { CatalogView } from './catalog.ts';

/** Everything but what follows from the attempts. */
export type FactsOfDevice = Omit<Facts, keyof AttemptFacts>;

/** `load` is not counted here: `paceLoadOf` does, where it matters. */
export function factsOf(device: DeviceFacts, view: CatalogView, nowMs: number): FactsOfDevice {
  const running = view.findRunning(device);
  const facts = {
    device,
    running,
    rollout: rolloutFor(view.openRolloutsOf(device.product), device),
    stable: stableFor(view.completedOf(device.product), device, running),
    steppingStones: view.steppingStonesOf(device.product),
  };
  const rollout = targetOf(facts)?.rollout;
  const stage = rollout === undefined ? undefined : stageOf(rollout, device);
  const labels = device.labels.map(({ name }) => name);
  return { ...facts, window: view.windows.find({ rollout, stage, labels }, nowMs), load: undefined };
}

/** Attempts whose build the catalog still has, in the order of their making. */
export function attemptsOf(rows: CheckInFacts['attempts'], view: CatalogView): readonly Attempt[] {
  return rows.flatMap((row) => {
    const build = view.findBuild(row.firmware_id, row.image_id);
    return build === undefined ? [] : [toAttempt(row, build)];
  });
}

function toAttempt(
  row: AttemptRow,
  build: { readonly firmware: StoredFirmware; readonly image: Attempt['image'] },
): Attempt {
  return {
    id: row.id,
    rolloutId: row.rollout_id,
    firmwareId: row.firmware_id,
    version: build.firmware.version,
    image: build.image,
    isRollback: row.is_rollback === 1,
    progress: progressOf(row),
    updatedAtMs: row.updated_at_ms,
  };
}

/** The part of an assignment's row that moves. */
export function progressOf(
  row: Pick<
    AttemptRow,
    'state' | 'ran_build' | 'confirm_claimed' | 'left_before' | 'error_code' | 'boot_cause' | 'detail'
  >,
): Attempt['progress'] {
  return {
    state: row.state,
    ranBuild: row.ran_build === 1,
    confirmClaimed: row.confirm_claimed === 1,
    leftBefore: row.left_before === 1,
    errorCode: row.error_code ?? undefined,
    bootCause: row.boot_cause ?? undefined,
    detail: row.detail ?? undefined,
  };
}

/** The same as columns. */
export function progressColumns(progress: Attempt['progress'], nowMs: number) {
  return {
    state: progress.state,
    ran_build: progress.ranBuild ? 1 : 0,
    confirm_claimed: progress.confirmClaimed ? 1 : 0,
    error_code: progress.errorCode ?? null,
    boot_cause: progress.bootCause ?? null,
    detail: progress.detail ?? null,
    updated_at_ms: nowMs,
  } as const;
}
