// A device reports how far it is. Idempotent by (assignment, sequence): a repeat is answered like the first, and late or
// reordered reports end in the same state. A repeat that says something else is noted, and not taken either.

import type { ReportStatus, ReportStatusAnswer } from '#protocol/device/api.ts';
import type { DeviceName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { findLatestAssignmentId, lockAssignment, saveAssignment, saveTaken } from '#server/db/device/assignments.ts';
import { noteReport } from '#server/db/device/reports.ts';
import { setDeviceStatus } from '#server/db/fleet/devices.ts';
import { watchProgress } from '#engine/outcome/watch.ts';
import { afterReport, excuse, isOpenState } from '#engine/assignment/assignment.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { DeviceStatus } from '#engine/decision/plan-check-in.ts';
import type { Deps } from '#server/service/deps.ts';
import { noteDiffering } from '#server/service/identity/differing-reports.ts';
import { requireStanding, type Speaker } from '#server/service/identity/speaker.ts';
import { columnsOf, movingOf } from './assignment.ts';
import { haltIfFailed } from '#server/service/gates/act.ts';

export interface Report {
  readonly name: DeviceName;
  readonly speaker: Speaker;
  readonly assignmentId: number;
  readonly sequence: number;
  readonly status: ReportStatus;
  readonly errorCode: string | undefined;
  readonly detail: string | undefined;
}

/**
 * Durable when it resolves. Throws `assignment_unknown` also for an assignment of another device, and as `requireStanding` where it
 * does not come from the board.
 */
export async function report(deps: Deps, request: Report, nowMs: number): Promise<ReportStatusAnswer> {
  deps.boardRates.takeChange(request);
  return deps.database.write(async (trx) => {
    await requireStanding(deps, trx, request, nowMs);
    const assignment = await lockAssignment(trx, deps.database.dialect, request.assignmentId, request.name);
    if (assignment === undefined) {
      throw new OtterError(
        'assignment_unknown',
        `assignment_id: device ${request.name.text} has no assignment ${request.assignmentId}`,
        'drop this report and check for an update',
      );
    }
    const repetition = await noteReport(trx, assignment, request);
    if (repetition === 'differs') await noteDiffering(trx, { ...request, deviceId: assignment.device_id }, nowMs);
    if (repetition !== 'new') return { state: assignment.state, duplicate: true };
    const { progress: before, watch: known } = movingOf(assignment);
    const progress = excuse(afterReport(before, request), assignment.updated_at_ms, deps.absences.recent(), nowMs);
    const watch = watchProgress(
      known,
      { before, after: progress, downloads: assignment.downloads, said: request.status },
      nowMs,
    );
    const updatedAtMs = progress.state === assignment.state ? assignment.updated_at_ms : nowMs;
    await saveAssignment(trx, assignment.id, columnsOf({ progress, watch, updatedAtMs }), nowMs);
    if (progress.state === 'confirmed' && assignment.state !== 'confirmed')
      await saveTaken(trx, assignment.device_id, assignment.id);
    const isLatest = (await findLatestAssignmentId(trx, assignment.device_id)) === assignment.id;
    if (isLatest) await setDeviceStatus(trx, assignment.device_id, statusAfter(progress.state));
    if (watch.fault !== undefined && (progress.state !== assignment.state || watch.fault !== assignment.fault))
      await haltIfFailed(deps, trx, assignment.rollout_id, nowMs);
    return { state: progress.state, duplicate: false };
  });
}

function statusAfter(state: AssignmentState): DeviceStatus {
  if (state === 'trial') return 'trial';
  if (isOpenState(state)) return 'updating';
  return state === 'confirmed' || state === 'superseded' ? 'ok' : 'failed';
}
