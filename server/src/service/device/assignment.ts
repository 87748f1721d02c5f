// Assignments between the database and the engine: from a row to the value that the rules work with, and back. There is no other
// translation of either; what operators are shown is made of the rows, in service/fleet/devices.ts.

import type { AssignmentRow, SavedAssignment } from '#server/db/device/assignments.ts';
import type { CheckInFacts } from '#server/db/device/check-in-facts.ts';
import type { FailedAssignmentRow } from '#server/db/device/failed-assignments.ts';
import type { StoredFirmware } from '#server/db/firmware/catalog.ts';
import { causeOfEnd, type EndedAssignment } from '#engine/assignment/assignment.ts';
import type { Baseline } from '#engine/outcome/baseline.ts';
import { isOfRequired, markOf, outcomeOf } from '#engine/outcome/outcome.ts';
import type { Watch } from '#engine/outcome/watch.ts';
import type { Assignment } from '#engine/decision/plan-check-in.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';

/** What changes of an assignment after it was offered. */
type Moving = Pick<Assignment, 'progress' | 'watch' | 'updatedAtMs'>;

type MovingRow = Omit<SavedAssignment, 'outcome'> & Pick<AssignmentRow, 'left_before'>;

/** Those whose build the catalog still has, in the order of their making. */
export function assignmentsOf(rows: CheckInFacts['assignments'], view: CatalogView): readonly Assignment[] {
  return rows.flatMap((row) => {
    const build = view.findBuild(row.firmware_id, row.image_id);
    return build === undefined ? [] : [toAssignment(row, build, view)];
  });
}

function toAssignment(
  row: CheckInFacts['assignments'][number],
  build: { readonly firmware: StoredFirmware; readonly image: Assignment['image'] },
  view: CatalogView,
): Assignment {
  return {
    id: row.id,
    rolloutId: row.rollout_id,
    firmwareId: row.firmware_id,
    version: build.firmware.version,
    image: build.image,
    isRollback: row.is_rollback === 1,
    offeredAtMs: row.offered_at_ms,
    ...movingOf(row),
    downloads: row.downloads,
    soakMs: view.soakMsOf(row.stage_id),
    usualCrashesPerHour: usualCrashesPerHour(row.baseline),
  };
}

export function movingOf(row: MovingRow): Moving {
  return { progress: progressOf(row), watch: watchOf(row), updatedAtMs: row.updated_at_ms };
}

/** The same as columns, with what the engine says of it for those who count. */
export function columnsOf({ progress, watch, updatedAtMs }: Moving): SavedAssignment {
  const facts = { ...watch, state: progress.state, cause: causeOfEnd(progress) };
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
    updated_at_ms: updatedAtMs,
  };
}

function progressOf(row: MovingRow): Assignment['progress'] {
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

function watchOf(row: MovingRow): Watch {
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
    isOnTheWay: isOfRequired(row.mark),
  };
}

/** Of the day before the offer, as it was stored with it. */
function usualCrashesPerHour(baseline: string | null): number | undefined {
  if (baseline === null) return undefined;
  const spans: Baseline = JSON.parse(baseline);
  const [longest] = spans;
  return longest === undefined ? undefined : longest.crashes / longest.hours;
}

/** What the weight of one that ended goes by, of the few columns that questions about many devices read. */
export function assignmentEndOf(row: FailedAssignmentRow): EndedAssignment {
  return {
    id: row.id,
    state: row.state,
    cause: causeOfEnd({ errorCode: row.error_code ?? undefined, bootCause: row.boot_cause ?? undefined }),
    saidItLeft: row.said_it_left === 1,
    excused: row.excused === 1,
    updatedAtMs: row.updated_at_ms,
  };
}
