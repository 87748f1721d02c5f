// Which reports of an assignment were taken: the sequence numbers of the last ones, in the row of the assignment, so that what
// is kept never grows. A board sends some six; one that sends on without end has its oldest forgotten, and a repeat of those is
// taken once more, which changes nothing (`afterReport` of engine/assignment).

import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import type { AssignmentRow } from './assignments.ts';
import type { Trx } from '#server/db/schema.ts';

/** To be called with the assignment locked. Resolves with whether this report was not taken before. */
export async function noteReport(
  trx: Trx,
  { id, reported }: Pick<AssignmentRow, 'id' | 'reported'>,
  sequence: number,
): Promise<boolean> {
  const taken = reported === '' ? [] : reported.split(',');
  if (taken.includes(String(sequence))) return false;
  const kept = [...taken, String(sequence)].slice(-MAX_KEPT_SEQUENCES);
  await trx
    .updateTable('assignments')
    .set({ reported: kept.join(',') })
    .where('id', '=', id)
    .execute();
  return true;
}
