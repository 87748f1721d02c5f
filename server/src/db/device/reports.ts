// Which reports of an assignment were taken: the sequence numbers of the last ones and a digest of what each said, in the row of the
// assignment, so that what is kept never grows. A board sends some six; one that sends on without end has its oldest forgotten, and a
// repeat of those is taken once more, which changes nothing (`afterReport` of engine/assignment).

import { hash } from 'node:crypto';
import { MAX_KEPT_SEQUENCES } from '#protocol/limits.ts';
import type { AssignmentRow } from './assignments.ts';
import type { Trx } from '#server/db/schema.ts';

/** What a report says, apart from its number. */
export interface ReportContent {
  readonly status: string;
  readonly errorCode: string | undefined;
  readonly detail: string | undefined;
}

/** `differs`: the number was taken before, and said something else then. */
export type Repetition = 'new' | 'repeated' | 'differs';

/** To be called with the assignment locked. One that is `new` is kept. */
export async function noteReport(
  trx: Trx,
  { id, reported }: Pick<AssignmentRow, 'id' | 'reported'>,
  { sequence, ...content }: ReportContent & { readonly sequence: number },
): Promise<Repetition> {
  const taken = reported === '' ? [] : reported.split(',');
  const digest = digestOf(content);
  const known = taken.map((one) => one.split(':')).find(([number]) => number === String(sequence));
  // Those that were taken before there were digests have none: nobody can say what they were.
  if (known !== undefined) return known[1] === undefined || known[1] === digest ? 'repeated' : 'differs';
  const kept = [...taken, `${sequence}:${digest}`].slice(-MAX_KEPT_SEQUENCES);
  await trx
    .updateTable('assignments')
    .set({ reported: kept.join(',') })
    .where('id', '=', id)
    .execute();
  return 'new';
}

/** 60 bits: so much that nobody who plays a board finds another report with the same. */
function digestOf({ status, errorCode, detail }: ReportContent): string {
  return hash('sha256', JSON.stringify([status, errorCode ?? null, detail ?? null]), 'base64url').slice(0, 10);
}
