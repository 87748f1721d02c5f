// The list of boards: a query in the address, pages from the server as they are scrolled to, and what is done to many at once.

import { Button, Group, Text } from '@mantine/core';
import { IconFileImport, IconPlugConnected } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { count } from '#dashboard/parts/words.ts';
import { type DeviceFilter, useDeviceFilter } from './address.ts';
import { BulkBar } from './bulk/bulk-bar.tsx';
import { usePicked } from './bulk/picked.ts';
import { useColumns } from './columns.tsx';
import { useDevicePages } from './device-pages.ts';
import { DeviceTable } from './device-table.tsx';
import { Tools } from './tools.tsx';

const ImportDialog = lazy(async () => import('./import-dialog.tsx'));

export default function Devices(): ReactNode {
  const { filter, setFilter } = useDeviceFilter();
  const pages = useDevicePages(filter);
  const { columns, choose } = useColumns();
  const picked = usePicked();
  const [isImporting, setImporting] = useState(false);
  const status = useCall('getStatus', {});
  const total = status.data?.devices.total;
  const change = (next: DeviceFilter): void => {
    // Another query means other boards.
    if (next.q !== filter.q) picked.clear();
    setFilter(next);
  };
  const isListed = pages.query.data !== undefined && !pages.query.isPlaceholderData;
  return (
    <Page
      title="Devices"
      about={total === undefined ? undefined : `${count(total)} in all`}
      actions={
        <>
          <Button variant="default" leftSection={<IconFileImport size={17} />} onClick={() => setImporting(true)}>
            Import CSV
          </Button>
          <Button component={Link} href="/add-board" variant="default" leftSection={<IconPlugConnected size={17} />}>
            Add a board
          </Button>
        </>
      }
    >
      <Tools {...{ filter, columns, isListed }} setFilter={change} chooseColumns={choose} />
      <Answered query={pages.query}>
        {() =>
          pages.rows.length === 0 ? (
            <Card>
              <Nothing isFiltered={filter.q !== ''} onClear={() => change({ q: '' })} />
            </Card>
          ) : (
            <Card flush>
              <Group justify="space-between" px="var(--otter-side)" pb={8} gap="xs" mih={38}>
                {picked.isNone ? (
                  <Text size="sm" c="dimmed">
                    {count(pages.rows.length)}
                    {pages.hasMore ? ' loaded, more as you scroll' : pages.rows.length === 1 ? ' board' : ' boards'}
                  </Text>
                ) : (
                  <BulkBar {...{ filter, picked, hasMore: pages.hasMore, loaded: pages.rows }} />
                )}
              </Group>
              <DeviceTable {...{ pages, columns, picked, filter }} setFilter={change} />
            </Card>
          )
        }
      </Answered>
      {isImporting ? (
        <Suspense>
          <ImportDialog onClose={() => setImporting(false)} />
        </Suspense>
      ) : null}
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
            Clear the query
          </Button>
        }
      >
        The query above leaves nobody over.
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
