// A device fetches the image that its assignment names: the server sees that by itself, so that a board which never reports is
// known to have taken the build from here. It never stands in the way of the download.

import { afterReport } from '#engine/assignment/assignment.ts';
import { watchProgress } from '#engine/outcome/watch.ts';
import { lockAssignment, saveDownloads, saveAssignment } from '#server/db/device/assignments.ts';
import { type Speaker, speaksFor } from '#server/service/identity/speaker.ts';
import type { Deps } from '#server/service/deps.ts';
import { columnsOf, movingOf } from './assignment.ts';

export interface NotedDownload {
  readonly assignmentId: number;
  /** Of the image that is fetched; one that is not that of the assignment says nothing of it. */
  readonly imageId: number;
  /** Who fetches: another board says nothing of it either. */
  readonly speaker: Speaker;
  /** `whole`: its last byte was sent. */
  readonly part: 'begun' | 'whole';
}

/** Resolves also where nothing can be noted: the log says why. */
export async function noteDownload(deps: Deps, noted: NotedDownload, nowMs: number): Promise<void> {
  try {
    await deps.database.write(async (trx) => {
      const row = await lockAssignment(trx, deps.database.dialect, noted.assignmentId);
      if (row === undefined || row.image_id !== noted.imageId) return;
      if (!(await speaksFor(deps, trx, noted.speaker, row.device_id, nowMs))) return;
      if (noted.part === 'whole') return saveDownloads(trx, row.id, row.downloads + 1);
      if (row.state !== 'offered') return;
      const { progress: before, watch: known } = movingOf(row);
      const progress = afterReport(before, { status: 'downloading', errorCode: undefined, detail: undefined });
      const watch = watchProgress(known, { before, after: progress, downloads: row.downloads }, nowMs);
      await saveAssignment(trx, row.id, columnsOf({ progress, watch, updatedAtMs: nowMs }), nowMs);
    });
  } catch (error) {
    deps.log.warn({ err: error, assignment: noted.assignmentId }, 'a download could not be noted');
  }
}
