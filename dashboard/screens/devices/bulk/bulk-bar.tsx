// What is done to many boards at once: those that are ticked, or all that match the filters.

import { Anchor, Button, Group, Text } from '@mantine/core';
import { IconDownload, IconTag } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { tellError } from '#dashboard/data/queries.ts';
import { count } from '#dashboard/parts/words.ts';
import type { Device } from '#protocol/admin/devices.ts';
import { csvOf, saveText } from './csv.ts';
import { collectDevices } from './device-pages.ts';
import type { DeviceFilter } from './address.ts';

const LabelDialog = lazy(async () => import('./label-dialog.tsx'));

interface BulkBarProps {
  readonly filter: DeviceFilter;
  readonly picked: ReadonlySet<string>;
  readonly setPicked: (picked: ReadonlySet<string>) => void;
  readonly loaded: readonly Device[];
  readonly hasMore: boolean;
}

export function BulkBar({ filter, picked, setPicked, loaded, hasMore }: BulkBarProps): ReactNode {
  const [isLabelling, setLabelling] = useState(false);
  const [all, setAll] = useState<readonly Device[]>();
  const [isCollecting, setCollecting] = useState(false);
  const known = all ?? loaded;
  const selectAll = (): void => {
    setCollecting(true);
    const pickAll = async (): Promise<void> => {
      const devices = await collectDevices(filter);
      setAll(devices);
      setPicked(new Set(devices.map(({ mac }) => mac)));
    };
    pickAll()
      .catch(tellError)
      .finally(() => setCollecting(false));
  };
  const isAllLoaded = loaded.every(({ mac }) => picked.has(mac));
  return (
    <>
      <Group gap="sm">
        <Text size="sm" fw={570}>
          {count(picked.size)} selected
        </Text>
        {hasMore && isAllLoaded && all === undefined ? (
          <Anchor component="button" type="button" size="sm" onClick={selectAll} disabled={isCollecting}>
            {isCollecting ? 'Collecting …' : 'Select all that match'}
          </Anchor>
        ) : null}
        <Anchor component="button" type="button" size="sm" c="dimmed" onClick={() => setPicked(new Set())}>
          Clear
        </Anchor>
      </Group>
      <Group gap="xs">
        <Button size="xs" variant="default" leftSection={<IconTag size={15} />} onClick={() => setLabelling(true)}>
          Label
        </Button>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={15} />}
          onClick={() => saveText('devices.csv', csvOf(known.filter(({ mac }) => picked.has(mac))))}
        >
          Export CSV
        </Button>
      </Group>
      {isLabelling ? (
        <Suspense>
          <LabelDialog macs={[...picked]} onClose={() => setLabelling(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
