// From rows to the facts that rules read: the same for a check-in, for `explain` and for a download.

import type { SavedProgress, SavedWatch } from '#server/db/device/assignments.ts';
import type { StoredFirmware } from '#server/db/firmware/catalog.ts';
import type { AttemptRow, CheckInFacts, DeviceRow } from '#server/db/device/check-in-facts.ts';
import { causeOfEnd } from '#engine/assignment/assignment.ts';
import type { EndedAttempt } from '#engine/assignment/retry.ts';
import type { Baseline } from '#engine/outcome/baseline.ts';
import { markOf, outcomeOf } from '#engine/outcome/outcome.ts';
import type { VoterFacts } from '#engine/outcome/vote.ts';
import type { Watch } from '#engine/outcome/watch.ts';
import type { DeviceFacts, Facts } from '#engine/facts/model.ts';
import type { Attempt, AttemptFacts } from '#engine/decision/plan-check-in.ts';
import { rolloutFor, stableFor, stageOf, targetOf } from '#engine/decision/target.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';

export type WatchRow = Omit<SavedWatch, 'outcome'>;

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
    return build === undefined ? [] : [toAttempt(row, build, view)];
  });
}

function toAttempt(
  row: AttemptRow,
  build: { readonly firmware: StoredFirmware; readonly image: Attempt['image'] },
  view: CatalogView,
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
    watch: watchOf(row),
    downloads: row.downloads,
    soakMs: view.soakMsOf(row.stage_id),
    usualCrashesPerHour: usualCrashesPerHour(row.baseline),
  };
}

/** The part of an assignment's row that moves. */
export function progressOf(
  row: Omit<SavedProgress, 'updated_at_ms'> & Pick<AttemptRow, 'left_before'>,
): Attempt['progress'] {
  return {
    state: row.state,
    ranBuild: row.ran_build === 1,
    confirmClaimed: row.confirm_claimed === 1,
    leftBefore: row.left_before === 1,
    excused: row.excused === 1,
    saidItLeft: row.said_it_left === 1,
    seenBack: row.seen_back === 1,
    pardoned: row.pardoned === 1,
    errorCode: row.error_code ?? undefined,
    bootCause: row.boot_cause ?? undefined,
    detail: row.detail ?? undefined,
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

/** What is kept of the device beside the progress. */
export function watchOf(row: WatchRow): Watch {
  return {
    fromVersion: row.from_version,
    exposedAtMs: row.exposed_at_ms ?? undefined,
    confirmedAtMs: row.confirmed_at_ms ?? undefined,
    healthyAtMs: row.healthy_at_ms ?? undefined,
    crashedAtMs: row.crashed_at_ms ?? undefined,
    crashes: row.crashes,
    isSuspect: row.suspect === 1,
    lostAtMs: row.lost_at_ms ?? undefined,
    movedOnAtMs: row.moved_on_at_ms ?? undefined,
    fault: row.fault ?? undefined,
    hasLeft: row.has_left === 1,
    ranOutSinceMs: row.ran_out_since_ms ?? undefined,
    isAcknowledged: row.acknowledged === 1,
    notCounted: row.counted ?? undefined,
    isOnTheWay: row.mark === 'required',
  };
}

/** The same as columns, with what the engine says of it for those who count. */
export function watchColumns(watch: Watch, progress: Attempt['progress']) {
  const facts = { ...watch, state: progress.state, cause: causeOfEnd(progress) };
  return {
    from_version: watch.fromVersion,
    exposed_at_ms: watch.exposedAtMs ?? null,
    confirmed_at_ms: watch.confirmedAtMs ?? null,
    healthy_at_ms: watch.healthyAtMs ?? null,
    crashed_at_ms: watch.crashedAtMs ?? null,
    crashes: watch.crashes,
    suspect: watch.isSuspect ? 1 : 0,
    lost_at_ms: watch.lostAtMs ?? null,
    moved_on_at_ms: watch.movedOnAtMs ?? null,
    fault: watch.fault ?? null,
    has_left: watch.hasLeft ? 1 : 0,
    ran_out_since_ms: watch.ranOutSinceMs ?? null,
    acknowledged: watch.isAcknowledged ? 1 : 0,
    counted: watch.notCounted ?? null,
    outcome: outcomeOf(facts),
    mark: markOf(facts),
  } as const;
}

/** Of the day before the offer, as it was stored with it. */
function usualCrashesPerHour(baseline: string | null): number | undefined {
  if (baseline === null) return undefined;
  const spans: Baseline = JSON.parse(baseline);
  const [longest] = spans;
  return longest === undefined ? undefined : longest.crashes / longest.hours;
}

/** The same as columns. */
export function progressColumns(progress: Attempt['progress'], nowMs: number) {
  return {
    excused: progress.excused ? 1 : 0,
    state: progress.state,
    ran_build: progress.ranBuild ? 1 : 0,
    confirm_claimed: progress.confirmClaimed ? 1 : 0,
    said_it_left: progress.saidItLeft ? 1 : 0,
    seen_back: progress.seenBack ? 1 : 0,
    pardoned: progress.pardoned ? 1 : 0,
    error_code: progress.errorCode ?? null,
    boot_cause: progress.bootCause ?? null,
    detail: progress.detail ?? null,
    updated_at_ms: nowMs,
  } as const;
}

/** Of a row, what the weight of the attempt goes by, and when it ended. */
export function attemptEndOf(
  row: Pick<AttemptRow, 'id' | 'state' | 'said_it_left' | 'excused' | 'error_code' | 'boot_cause' | 'updated_at_ms'>,
): EndedAttempt & { readonly updatedAtMs: number } {
  return {
    id: row.id,
    state: row.state,
    cause: causeOfEnd({ errorCode: row.error_code ?? undefined, bootCause: row.boot_cause ?? undefined }),
    saidItLeft: row.said_it_left === 1,
    excused: row.excused === 1,
    updatedAtMs: row.updated_at_ms,
  };
}
