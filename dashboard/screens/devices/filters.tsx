// The filters that the API has, with what there is to choose from.

import { Group, NativeSelect } from '@mantine/core';
import type { ReactNode } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { DEVICE_STATES } from '#dashboard/parts/tone.tsx';
import { byName, count } from '#dashboard/parts/words.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import type { DeviceFilter } from './address.ts';
import { Search } from './search.tsx';

interface FiltersProps {
  readonly filter: DeviceFilter;
  readonly onChange: (filter: DeviceFilter) => void;
  readonly status: ServerStatus | undefined;
}

export function Filters({ filter, onChange, status }: FiltersProps): ReactNode {
  const labels = useCall('listLabels', { query: { limit: '500' } });
  const versions = (status?.versions ?? []).filter(
    ({ product }) => filter.product === undefined || product === filter.product,
  );
  const products = [...new Set((status?.versions ?? []).map(({ product }) => product))].toSorted(byName);
  const choose = (name: keyof DeviceFilter) => (value: string) => onChange({ ...filter, [name]: value });
  const byVersion = new Map<string, number>();
  for (const { version, devices } of versions) byVersion.set(version, (byVersion.get(version) ?? 0) + devices);
  return (
    <Group gap="xs" align="flex-start">
      <Search value={filter.q ?? filter.mac ?? ''} onChange={(q) => onChange({ ...filter, mac: '', q })} />
      <Choice
        name="Status"
        value={filter.status}
        onChange={choose('status')}
        options={Object.entries(DEVICE_STATES).map(([value, [label]]) => ({ value, label }))}
      />
      <Choice
        name="Version"
        value={filter.version}
        onChange={choose('version')}
        options={[...byVersion]
          .toSorted(([left], [right]) => byName(right, left))
          .map(([value, devices]) => ({ value, label: `${value} (${count(devices)})` }))}
      />
      <Choice
        name="Label"
        value={filter.label}
        onChange={choose('label')}
        options={(labels.data?.items ?? []).map(({ name, devices }) => ({
          value: name,
          label: `${name} (${count(devices)})`,
        }))}
      />
      {/* A choice of one is none. */}
      {products.length < 2 && filter.product === undefined ? null : (
        <Choice
          name="Product"
          value={filter.product}
          onChange={choose('product')}
          options={products.map((value) => ({ value, label: value }))}
        />
      )}
    </Group>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onChange: (value: string) => void;
}

function Choice({ name, value, options, onChange }: ChoiceProps): ReactNode {
  const isKnown = value === undefined || options.some((option) => option.value === value);
  return (
    <NativeSelect
      aria-label={name}
      data={[
        { value: '', label: `Any ${name.toLowerCase()}` },
        ...options,
        ...(isKnown ? [] : [{ value, label: value }]),
      ]}
      value={value ?? ''}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
      w={{ base: 'calc(50% - 5px)', xs: 150 }}
    />
  );
}
