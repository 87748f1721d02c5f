// A report that repeats a number and says something else: not taken, as any repeat is not, but not passed over either. Either somebody
// plays the board and uses up the numbers of its reports, or its client counts them anew. A board is noted once an hour.

import type { Call } from '#protocol/admin/status.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { REPORTS_DIFFER_CALL_MS, REPORTS_DIFFER_NOTE_MS } from '#protocol/limits.ts';
import { countDifferingReports, noteDifferingReports } from '#server/db/device/differing-reports.ts';
import { addHoldEvent } from '#server/db/events/events.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';

export async function noteDiffering(
  trx: Trx,
  {
    deviceId,
    assignmentId,
    sequence,
  }: { readonly deviceId: DeviceId; readonly assignmentId: number; readonly sequence: number },
  nowMs: number,
): Promise<void> {
  const device = await noteDifferingReports(trx, deviceId, { sinceMs: nowMs - REPORTS_DIFFER_NOTE_MS, nowMs });
  if (device === undefined) return;
  const data = { assignment_id: assignmentId, sequence };
  await addHoldEvent(trx, { at_ms: nowMs, product: device.product, device, type: 'device.reports_differ', data });
}

/** For the page of the device. */
export function textOfDiffering(atMs: number): string {
  return `two of its reports with one number (sequence) said different things, last at ${toInstant(atMs)}: somebody else speaks for it, or its client counts its reports anew; only the first one counts`;
}

/** For people: noted within the last day. */
export async function callsOfReports({ database: { read } }: Deps, nowMs: number): Promise<readonly Call[]> {
  const { boards, examples } = await countDifferingReports(read, nowMs - REPORTS_DIFFER_CALL_MS);
  if (boards === 0) return [];
  const who = boards === 1 ? '1 board says' : `${boards} boards say`;
  return [
    {
      kind: 'reports_differ',
      rollout: null,
      text: `${who} different things in reports with one number (sequence): ${examples.join(', ')}; somebody else speaks for it, or its client counts its reports anew`,
      commands: ['otter device show MAC', 'otter device reenrol MAC', 'otter token rotate fleet'],
    },
  ];
}
