// How many devices there are of each product, chip, version and the like. It passes the fleet range by range, so that boards are answered
// between two of them, and writes nothing.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DeviceNumbers, NUMBERED_BY, type NumberedBy } from '#protocol/admin/fleet/device-numbers.ts';
import { COUNT_RANGE, MAX_NUMBERED_VALUES } from '#protocol/limits.ts';
import { type AlikeDevices, countAlike, countLabelled } from '#server/db/fleet/device-list.ts';
import { findLastDeviceId } from '#server/db/rollouts/board-counts.ts';
import type { Deps } from '#server/service/deps.ts';
import { silenceAt } from '#server/service/device/observation.ts';
import { readyQuery } from '#server/service/queries/ready-query.ts';

interface Asked {
  readonly where?: string | undefined;
  readonly by?: NumberedBy | undefined;
}

const MARKS = ['held', 'test', 'overdue', 'flapping'] as const;

/** Throws `query_invalid`. */
export async function getDeviceNumbers(deps: Deps, { where, by }: Asked, nowMs: number): Promise<DeviceNumbers> {
  await deps.presence.flush();
  const { read } = deps.database;
  const silence = silenceAt(deps, nowMs);
  const meant = where === undefined ? undefined : await readyQuery(deps, read, where, nowMs);
  const kinds = NUMBERED_BY.filter((kind) => by === undefined || kind === by);
  const sums = new Map(kinds.map((kind) => [kind, new Map<string | null, number>()]));
  const add = (kind: NumberedBy, value: string | null, devices: number): void => {
    const sum = sums.get(kind);
    sum?.set(value, (sum.get(value) ?? 0) + devices);
  };
  let total = 0;
  const lastId = await findLastDeviceId(read);
  for (let afterId = 0; afterId < lastId; afterId += COUNT_RANGE) {
    const range = { afterId, untilId: afterId + COUNT_RANGE };
    for (const alike of await countAlike(read, { where: meant, silence }, range)) {
      total += alike.devices;
      addAlike(add, alike);
    }
    await nextTurn();
    if (!sums.has('label')) continue;
    for (const { label, devices } of await countLabelled(read, meant, range)) add('label', label, devices);
    await nextTurn();
  }
  return { devices: total, numbers: [...sums].map(([kind, sum]) => viewNumbers(kind, sum)) };
}

function addAlike(add: (kind: NumberedBy, value: string | null, devices: number) => void, alike: AlikeDevices): void {
  for (const kind of ['product', 'chip', 'version', 'status'] as const) add(kind, alike[kind], alike.devices);
  for (const mark of MARKS) if (alike[mark] === 1) add('mark', mark, alike.devices);
}

/** The largest number first; of equal ones, the first by name. */
function viewNumbers(by: NumberedBy, sum: ReadonlyMap<string | null, number>): DeviceNumbers['numbers'][number] {
  const values = [...sum].map(([value, devices]) => ({ value, devices }));
  values.sort((left, right) => right.devices - left.devices || ((left.value ?? '') < (right.value ?? '') ? -1 : 1));
  return {
    by,
    values: values.slice(0, MAX_NUMBERED_VALUES),
    more: Math.max(0, values.length - MAX_NUMBERED_VALUES),
  };
}
