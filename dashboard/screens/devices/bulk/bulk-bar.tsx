// What is done to many boards at once: those that are ticked, or all that match.

import { Anchor, Button, Group, Text } from '@mantine/core';
import { IconTag } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { tellError, useCall } from '#dashboard/data/queries.ts';
import { More } from '#dashboard/parts/ask/more.tsx';
import { boards, count } from '#dashboard/parts/words.ts';
import type { Device } from '#protocol/admin/devices.ts';
import { type DeviceFilter, queryOf } from '../address.ts';
import { exportFacts, exportTable, saveText } from './csv.ts';
import { queriesOf } from './meant.ts';
import type { Picked } from './picked.ts';
import { type BulkVerb, VERB_TEXTS } from './verbs.ts';

const BulkDialog = lazy(async () => import('./bulk-dialog.tsx'));

/** The whole fleet is counted for it. */
const COUNT_MS = 60_000;

const IN_MENU = ['unlabel', 'release', 'retry', 'clear_known_bad'] as const;

interface BulkBarProps {
  readonly filter: DeviceFilter;
  readonly picked: Picked;
  readonly loaded: readonly Device[];
  readonly hasMore: boolean;
}

export function BulkBar({ filter, picked, loaded, hasMore }: BulkBarProps): ReactNode {
  const [asked, setAsked] = useState<BulkVerb>();
  const total = useTotal(filter, loaded, hasMore);
  const number = picked.isAll ? total : picked.ids.size;
  const text = number === undefined ? 'all boards that match' : boards(number);
  const queries = queriesOf(picked, filter);
  const save = (name: string, write: typeof exportFacts): void => {
    const go = async (): Promise<void> => saveText(name, await write(queries));
    go().catch(tellError);
  };
  const ask = (verb: BulkVerb) => ({ text: VERB_TEXTS[verb].menu, onPick: () => setAsked(verb) });
  const isAllLoaded = loaded.every(({ id }) => picked.has(id));
  return (
    <>
      <Group gap="sm">
        <Text size="sm" fw={570}>
          {picked.isAll ? `All ${number === undefined ? 'that match' : count(number)}` : count(picked.ids.size)}{' '}
          selected
        </Text>
        {hasMore && isAllLoaded && !picked.isAll ? (
          <Anchor component="button" type="button" size="sm" onClick={picked.pickAll}>
            Select all {total === undefined ? '' : `${count(total)} `}that match
          </Anchor>
        ) : null}
        <Anchor component="button" type="button" size="sm" c="dimmed" onClick={picked.clear}>
          Clear
        </Anchor>
      </Group>
      <Group gap="xs">
        <Button size="xs" variant="default" leftSection={<IconTag size={15} />} onClick={() => setAsked('label')}>
          Label
        </Button>
        <Button size="xs" variant="default" onClick={() => setAsked('hold')}>
          Hold
        </Button>
        <More
          name="More for these boards"
          size="xs"
          items={[
            ...IN_MENU.map(ask),
            { text: 'Export all facts as CSV', onPick: () => save('devices.csv', exportFacts) },
            { text: 'Export names, labels and notes for an import', onPick: () => save('boards.csv', exportTable) },
            { ...ask('revoke'), isDanger: true },
            { ...ask('remove'), isDanger: true },
          ]}
        />
      </Group>
      {asked === undefined ? null : (
        <Suspense>
          <BulkDialog
            verb={asked}
            picked={text}
            queries={queries}
            onClose={() => setAsked(undefined)}
            onDone={asked === 'remove' ? picked.clear : () => undefined}
          />
        </Suspense>
      )}
    </>
  );
}

/** How many match; counted only where some of them are not loaded. */
function useTotal(filter: DeviceFilter, loaded: readonly Device[], hasMore: boolean): number | undefined {
  const { where } = queryOf(filter);
  const query = { limit: '1', total: 'true', ...(where === undefined ? {} : { where }) } as const;
  const counted = useCall('listDevices', { query }, { enabled: hasMore, everyMs: COUNT_MS, isDear: true });
  return hasMore ? counted.data?.total : loaded.length;
}
