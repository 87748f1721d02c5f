// The list of boards: filters in the address, pages from the server as they are scrolled to, and what is done to many at once.

import { Button, Group, Text } from '@mantine/core';
import { IconPlugConnected } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { count } from '#dashboard/parts/words.ts';
import { BulkBar } from './bulk-bar.tsx';
import { DeviceTable } from './device-table.tsx';
import { type DeviceFilter, useDeviceFilter } from './address.ts';
import { Filters } from './filters.tsx';
import { useDevicePages } from './device-pages.ts';

export default function Devices(): ReactNode {
  const { filter, setFilter, isFiltered } = useDeviceFilter();
  const pages = useDevicePages(filter);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const status = useCall('getStatus', {});
  const total = status.data?.devices.total;
  const change = (next: DeviceFilter): void => {
    setPicked(new Set());
    setFilter(next);
  };
  return (
    <Page
      title="Devices"
      about={total === undefined ? undefined : `${count(total)} in all`}
      actions={
        <Button component={Link} href="/add-board" variant="default" leftSection={<IconPlugConnected size={17} />}>
          Add a board
        </Button>
      }
    >
      <Filters filter={filter} onChange={change} status={status.data} />
      <Answered query={pages.query}>
        {() =>
          pages.rows.length === 0 ? (
            <Card>
              <Nothing isFiltered={isFiltered} onClear={() => change({})} />
            </Card>
          ) : (
            <Card flush>
              <Group justify="space-between" px={20} pb={8} gap="xs" mih={38}>
                {picked.size === 0 ? (
                  <Text size="sm" c="dimmed">
                    {count(pages.rows.length)}
                    {pages.hasMore ? ' loaded, more as you scroll' : pages.rows.length === 1 ? ' board' : ' boards'}
                  </Text>
                ) : (
                  <BulkBar {...{ filter, picked, setPicked, hasMore: pages.hasMore, loaded: pages.rows }} />
                )}
              </Group>
              <DeviceTable {...{ pages, picked, setPicked, filter, setFilter }} />
            </Card>
          )
        }
      </Answered>
    </Page>
  );
}

function Nothing({ isFiltered, onClear }: { readonly isFiltered: boolean; readonly onClear: () => void }): ReactNode {
  if (isFiltered)
    return (
      <Empty
        title="No board is like that"
        action={
          <Button variant="default" size="xs" onClick={onClear}>
            Clear the filters
          </Button>
        }
      >
        The filters above leave nobody over.
      </Empty>
    );
  return (
    <Empty
      title="No board has checked in yet"
      icon={<IconPlugConnected size={22} />}
      action={
        <Button component={Link} href="/add-board" mt="xs">
          Add a board
        </Button>
      }
    >
      A board appears here with its first check-in.
    </Empty>
  );
}
