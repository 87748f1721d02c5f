// The filters that the API has, with what there is to choose from.

import { Group, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { DEVICE_STATES } from '#dashboard/parts/tone.tsx';
import { byName, count } from '#dashboard/parts/words.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import type { DeviceFilter } from './address.ts';

interface FiltersProps {
  readonly filter: DeviceFilter;
  readonly onChange: (filter: DeviceFilter) => void;
  readonly status: ServerStatus | undefined;
}

const TYPING_MS = 250;

export function Filters({ filter, onChange, status }: FiltersProps): ReactNode {
  const labels = useCall('listLabels', { query: { limit: '500' } });
  const versions = (status?.versions ?? []).filter(
    ({ product }) => filter.product === undefined || product === filter.product,
  );
  const products = [...new Set((status?.versions ?? []).map(({ product }) => product))].toSorted(byName);
  const choose = (name: keyof DeviceFilter) => (value: string | null) => onChange({ ...filter, [name]: value ?? '' });
  const byVersion = new Map<string, number>();
  for (const { version, devices } of versions) byVersion.set(version, (byVersion.get(version) ?? 0) + devices);
  return (
    <Group gap="xs">
      <MacSearch key={filter.mac === undefined ? 'none' : 'some'} value={filter.mac ?? ''} onChange={choose('mac')} />
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

function MacSearch({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
}): ReactNode {
  const [text, setText] = useState(value);
  const say = useDebouncedCallback(onChange, TYPING_MS);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      aria-label="MAC begins with"
      placeholder="MAC begins with"
      leftSection={<IconSearch size={16} />}
      value={text}
      onChange={({ currentTarget }) => {
        const typed = currentTarget.value.replaceAll(/[^0-9a-f:]/gi, '').slice(0, 17);
        setText(typed);
        say(typed);
      }}
      w={{ base: '100%', xs: 210 }}
    />
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onChange: (value: string | null) => void;
}

function Choice({ name, value, options, onChange }: ChoiceProps): ReactNode {
  const isKnown = value === undefined || options.some((option) => option.value === value);
  return (
    <Select
      aria-label={name}
      placeholder={name}
      data={isKnown ? [...options] : [...options, { value, label: value }]}
      value={value ?? null}
      onChange={onChange}
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${name.toLowerCase()}` }}
      searchable={options.length > 8}
      w={{ base: 'calc(50% - 5px)', xs: 160 }}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}
