// What lines of a table change on the devices that are there.

import type { DeviceId } from '#protocol/identity.ts';
import { givenNameKey } from '#protocol/identity.ts';
import type { TableDevice } from '#server/db/fleet/device-table.ts';
import type { TableLine } from './read-table.ts';

/** A device that a line makes another one. */
export interface Changed {
  readonly line: number;
  readonly device: TableDevice;
  /** What it has afterwards, in these that the line says something about. */
  readonly name: string | null;
  readonly note: string | null;
  readonly putOn: readonly string[];
  readonly takenOff: readonly string[];
}

/** Undefined: it is so already. */
export function compareLine(said: TableLine, device: TableDevice): Changed | undefined {
  const labels = said.labels ?? device.labels;
  const changed = {
    line: said.line,
    device,
    name: said.name === undefined ? device.given_name : said.name,
    note: said.note === undefined ? device.note : said.note,
    putOn: labels.filter((label) => !device.labels.includes(label)),
    takenOff: device.labels.filter((label) => !labels.includes(label)),
  };
  const isSame = changed.name === device.given_name && changed.note === device.note;
  return isSame && changed.putOn.length === 0 && changed.takenOff.length === 0 ? undefined : changed;
}

/** In words, for the list of changes. */
export function textOfChange({ device, name, note, putOn, takenOff }: Changed): string {
  return [
    ...(name === device.given_name ? [] : [`name ${device.given_name ?? 'none'} -> ${name ?? 'none'}`]),
    ...(putOn.length === 0 ? [] : [`+ ${putOn.join(' ')}`]),
    ...(takenOff.length === 0 ? [] : [`- ${takenOff.join(' ')}`]),
    ...(note === device.note ? [] : [note === null ? 'no note' : 'another note']),
  ].join(', ');
}

/** By the text that is compared, the line that gives this name. */
export function namesOf(lines: readonly TableLine[]): ReadonlyMap<string, TableLine> {
  return new Map(
    lines.flatMap((line) => (typeof line.name === 'string' ? [[givenNameKey(line.name), line] as const] : [])),
  );
}

/** Devices whose name the table says, whatever it is: they give up what they have now. */
export function renamedIds(
  lines: readonly TableLine[],
  byMac: ReadonlyMap<string, TableDevice>,
): ReadonlySet<DeviceId> {
  return new Set(
    lines.flatMap(({ mac, name }) => {
      const device = byMac.get(mac);
      return name === undefined || device === undefined ? [] : [device.id];
    }),
  );
}
