// What an import of devices would do, or did, as text.

import type { DeviceImport } from '#protocol/admin/fleet/device-table.ts';
import { printable } from '#cli/terminal.ts';

/** Faults first: nothing happens while there is one. */
export function formatImport(answer: DeviceImport): string {
  const { devices, changed, fault_count, faults, changes } = answer;
  const wrong = [
    ...faults.map(({ line, text }) => `line ${line}: ${printable(text)}`),
    ...more(fault_count - faults.length, 'faults'),
  ];
  const would = [
    `${changed} of ${devices} devices would change${numbers(answer)}`,
    ...unknownLine(answer),
    ...labelLines(answer),
    ...changes.map(({ line, mac, text }) => `  line ${line}: ${mac} ${printable(text)}`),
    ...more(changed - changes.length, 'devices'),
  ];
  return [...wrong, ...(wrong.length === 0 ? [] : ['']), ...would].join('\n');
}

export function formatImported(answer: DeviceImport): string {
  return [`${answer.changed} of ${answer.devices} devices changed${numbers(answer)}`, ...unknownLine(answer)].join(
    '\n',
  );
}

function numbers({ named, noted }: DeviceImport): string {
  const parts = [...(named === 0 ? [] : [`${named} names`]), ...(noted === 0 ? [] : [`${noted} notes`])];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function unknownLine({ unknown }: DeviceImport): readonly string[] {
  return unknown === 0 ? [] : [`${unknown} devices have not checked in, and are left out`];
}

function labelLines({ labels }: DeviceImport): readonly string[] {
  return labels.map(({ label, is_new, put_on, taken_off, rollouts }) => {
    const what = [
      ...(put_on === 0 ? [] : [`put on ${put_on}`]),
      ...(taken_off === 0 ? [] : [`taken off ${taken_off}`]),
      ...(is_new ? ['it is new'] : []),
      ...(rollouts.length === 0 ? [] : [`a stage of ${rollouts.join(', ')} is for it`]),
    ];
    return `label ${label}: ${what.join(', ')}`;
  });
}

function more(count: number, what: string): readonly string[] {
  return count > 0 ? [`  and ${count} more ${what}`] : [];
}
