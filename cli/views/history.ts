// How many devices ran which version, hour by hour, as text.

import { localMinute } from './relative-time.ts';
import { type Colors, formatTable, printable } from '#cli/terminal.ts';
import type { ProductHistory } from '#protocol/admin/fleet/history.ts';

export function formatHistory({ product, versions, hours, turns, next_at }: ProductHistory, colors: Colors): string {
  if (hours.length === 0)
    return `nothing was counted of ${product} yet; devices are counted next ${localMinute(next_at)}`;
  const hasOthers = hours.some(({ others }) => others > 0);
  const rows = hours.map(({ at, devices, others }) => [
    localMinute(at),
    ...devices.map(String),
    ...(hasOthers ? [String(others)] : []),
  ]);
  const head = ['hour', ...versions.map(printable), ...(hasOthers ? ['others'] : [])];
  const told = turns.map(
    ({ at, rollout, turn, version }) =>
      `${localMinute(at)}  rollout ${printable(rollout)} ${turn} (${printable(version)})`,
  );
  return [formatTable(head, rows, colors), ...(told.length === 0 ? [] : [told.join('\n')])].join('\n\n');
}
