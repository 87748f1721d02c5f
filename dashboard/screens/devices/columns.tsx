// The columns that there are to choose, and which of them this browser shows.

import { useLocalStorage } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { Ago, lengthText } from '#dashboard/parts/time.tsx';
import { DEVICE_STATES, StateText } from '#dashboard/parts/tone.tsx';
import { bytes, words } from '#dashboard/parts/words.ts';
import type { Device } from '#protocol/admin/devices.ts';

interface Column {
  readonly name: string;
  /** As a track of a grid. */
  readonly width: string;
  /** The least that it needs. */
  readonly minPx: number;
  readonly sort?: string;
  /** Undefined: there is nothing to say. */
  readonly show: (device: Device) => ReactNode;
  /** Where it is a text that may be cut. */
  readonly title?: (device: Device) => string;
}

const COLUMNS = {
  mac: { name: 'MAC', minPx: 154, width: '154px', sort: 'mac', show: ({ mac }) => <span className="mono">{mac}</span> },
  status: { name: 'Status', minPx: 124, width: '124px', show: (device) => <Status device={device} /> },
  version: {
    name: 'Version',
    minPx: 104,
    width: 'minmax(104px, 0.7fr)',
    sort: 'current_version',
    show: ({ current_version: version }) => version,
    title: ({ current_version: version }) => version,
  },
  product: {
    name: 'Product',
    minPx: 104,
    width: 'minmax(104px, 1fr)',
    show: ({ product }) => product,
    title: ({ product }) => product,
  },
  labels: {
    name: 'Labels',
    minPx: 120,
    width: 'minmax(120px, 1.6fr)',
    show: ({ labels }) => (labels.length === 0 ? undefined : labels.join(', ')),
    title: ({ labels }) => labels.join(', '),
  },
  chip: { name: 'Chip', minPx: 88, width: '88px', show: ({ chip }) => chip },
  rollout: {
    name: 'Last rollout',
    minPx: 150,
    width: 'minmax(150px, 1.2fr)',
    show: ({ rollout }) => rollout,
    title: ({ rollout }) => rollout ?? '',
  },
  heap: { name: 'Free heap', minPx: 92, width: '92px', show: (device) => numberOf(device, 'free_heap_bytes', bytes) },
  rssi: {
    name: 'Signal',
    minPx: 84,
    width: '84px',
    show: (device) => numberOf(device, 'rssi_dbm', (dbm) => `${dbm} dBm`),
  },
  boot: { name: 'Boot reason', minPx: 120, width: '120px', show: (device) => textOf(device, 'boot_reason') },
  uptime: { name: 'Runs for', minPx: 84, width: '84px', show: (device) => numberOf(device, 'uptime_s', lengthText) },
  library: {
    name: 'Library',
    minPx: 130,
    width: 'minmax(130px, 0.9fr)',
    show: (device) => textOf(device, 'library'),
    title: (device) => textOf(device, 'library') ?? '',
  },
  address: { name: 'Address', minPx: 116, width: '116px', show: ({ ip }) => ip },
  gap: {
    name: 'Usual gap',
    minPx: 90,
    width: '90px',
    show: ({ rhythm: { usual_gap_s: gap } }) => (gap === null ? undefined : lengthText(gap)),
  },
  note: {
    name: 'Note',
    minPx: 150,
    width: 'minmax(150px, 1.4fr)',
    show: ({ note }) => note?.text,
    title: ({ note }) => note?.text ?? '',
  },
  first: {
    name: 'First seen',
    minPx: 104,
    width: '104px',
    sort: 'first_seen_at',
    show: ({ first_seen_at: at }) => <Ago at={at} />,
  },
  seen: {
    name: 'Seen',
    minPx: 104,
    width: '104px',
    sort: 'last_seen_at',
    show: ({ last_seen_at: at }) => <Ago at={at} />,
  },
} as const satisfies Readonly<Record<string, Column>>;

export type ColumnKey = keyof typeof COLUMNS;

/** In the order in which they stand. */
export const ALL_COLUMNS = (Object.keys(COLUMNS) as ColumnKey[]).map((key) => columnOf(key));

export const USUAL_COLUMNS: readonly ColumnKey[] = ['status', 'version', 'product', 'labels', 'chip', 'seen'];

export interface ShownColumn extends Column {
  readonly key: ColumnKey;
}

function columnOf(key: ColumnKey): ShownColumn {
  return { key, ...COLUMNS[key] };
}

/** Those that this browser shows; another tab hears of a change. */
export function useColumns() {
  const [stored, setStored] = useLocalStorage<readonly string[]>({
    key: 'otter-device-columns',
    defaultValue: USUAL_COLUMNS,
    getInitialValueInEffect: false,
  });
  // Of another release it may have others, or be anything.
  const known: readonly unknown[] = Array.isArray(stored) ? stored : USUAL_COLUMNS;
  const columns = ALL_COLUMNS.filter(({ key }) => known.includes(key));
  const choose = (keys: readonly string[]): void => setStored(keys);
  return { columns, choose };
}

function Status({ device: { status, hold, counted } }: { readonly device: Device }): ReactNode {
  const [text, tone] = DEVICE_STATES[status];
  return (
    <StateText tone={tone} pulse={status === 'updating'}>
      {text}
      {hold === null ? '' : ', held'}
      {counted === 'no' ? ', test' : ''}
    </StateText>
  );
}

function numberOf({ attributes }: Device, name: string, text: (value: number) => string): string | undefined {
  const value = attributes[name];
  return typeof value === 'number' ? text(value) : undefined;
}

function textOf({ attributes }: Device, name: string): string | undefined {
  const value = attributes[name];
  return typeof value === 'string' && value !== '' ? words(value) : undefined;
}
