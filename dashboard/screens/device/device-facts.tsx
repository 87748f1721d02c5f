// What is known of the board, and what it says of itself.

import type { ReactNode } from 'react';
import { Card, Facts } from '#dashboard/parts/page.tsx';
import { Ago, lengthText } from '#dashboard/parts/time.tsx';
import { bytes, words } from '#dashboard/parts/words.ts';
import { tokenText } from './identity.tsx';
import type { DeviceDetail } from '#protocol/admin/devices.ts';

export function DeviceFacts({ detail: { device, names, identity } }: { readonly detail: DeviceDetail }): ReactNode {
  const { id, product, current_version: version, chip, ip, first_seen_at: first, last_seen_at: last } = device;
  return (
    <Card title="Facts">
      <Facts
        rows={[
          ['Id', id],
          ['Names', names.map(({ name }) => name).join(', ')],
          ['Product', product],
          ['Version', version],
          ['Chip', chip],
          ['Address', ip],
          ['First seen', <Ago key="first" at={first} />],
          ['Last seen', <Ago key="last" at={last} />],
          ['Asks again', nextCheck(device)],
          ['Token', tokenText(identity)],
          ['Counts in gates', countsText(device)],
          ...Object.entries(device.attributes).map(([name, value]) => [nameOf(name), textOf(name, value)] as const),
        ]}
      />
    </Card>
  );
}

/** After the interval that it was told, or that it said. */
function nextCheck({ last_seen_at: last, rhythm }: DeviceDetail['device']): ReactNode {
  if (rhythm.interval_s === null) return 'not known yet';
  const dueMs = Date.parse(last) + rhythm.interval_s * 1000;
  return (
    <>
      {dueMs < Date.now() ? 'was due ' : ''}
      <Ago at={new Date(dueMs).toISOString()} />
      {rhythm.overdue ? ', overdue' : ''}
    </>
  );
}

function countsText({ counted, counted_reason: reason, not_counted: why }: DeviceDetail['device']): string {
  const said = reason === null ? '' : `: ${reason}`;
  if (counted === 'yes') return `yes, as an operator said${said}`;
  if (counted === 'no') return `no, a test board${said}`;
  if (why === 'simulated') return 'not beside real boards (simulated)';
  return why === null ? 'yes' : `no (${words(why)})`;
}

/** `free_heap_bytes` as `Free heap`: the unit stands behind the number. */
function nameOf(name: string): string {
  if (name === 'rssi_dbm') return 'Signal';
  const plain = words(name.replace(/_(bytes|s|dbm)$/, ''));
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('_bytes')) return bytes(value);
  if (typeof value === 'number' && name.endsWith('_dbm')) return `${value} dBm`;
  if (typeof value === 'number' && name.endsWith('_s')) return lengthText(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : JSON.stringify(value);
}
