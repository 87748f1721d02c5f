// The first page: is all well, what is going out, what needs me.

import { Button, Grid, Skeleton, Stack } from '@mantine/core';
import { IconAlertTriangle, IconPlugConnected, IconRocket } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { boards } from '#dashboard/parts/words.ts';
import { Note } from '#dashboard/parts/note.tsx';
import type { ServerStatus } from '#protocol/admin/status.ts';
import { Calls } from './calls.tsx';
import { Frozen } from './freeze.tsx';
import { LatestEvents } from './latest-events.tsx';
import { RolloutCard } from './rollout-card.tsx';
import { Stats } from './stats.tsx';
import { Versions } from './versions.tsx';

/** Brings the library of charts with it, which nothing here waits for. */
const VersionHistory = lazy(async () => import('./history/version-history.tsx'));

export default function Fleet(): ReactNode {
  const status = useCall('getStatus', {});
  return (
    <Page
      title="Fleet"
      about={status.data === undefined ? undefined : aboutText(status.data)}
      actions={
        <>
          <Button component={Link} href="/add-board" variant="default" leftSection={<IconPlugConnected size={17} />}>
            Add a board
          </Button>
          <Button component={Link} href="/rollouts/new" leftSection={<IconRocket size={17} />}>
            New rollout
          </Button>
        </>
      }
    >
      <Answered query={status}>{(answer) => <Content status={answer} atMs={status.dataUpdatedAt} />}</Answered>
    </Page>
  );
}

function Content({ status, atMs }: { readonly status: ServerStatus; readonly atMs: number }): ReactNode {
  const { calls, rollouts, devices, frozen, warnings } = status;
  const stopped = rollouts.filter(({ status: one }) => one === 'halted' || one === 'regressed');
  const open = rollouts.filter((rollout) => rollout.status !== 'complete' && !stopped.includes(rollout));
  const watched = rollouts.filter((rollout) => rollout.status === 'complete');
  return (
    <Stack gap="lg">
      {warnings.map((warning) => (
        <Note key={warning} tone="warn" icon={<IconAlertTriangle size={18} />}>
          {warning}
        </Note>
      ))}
      {frozen.map((product) => (
        <Frozen key={product.product} product={product} />
      ))}
      {devices.total === 0 ? <NoBoards /> : <Stats status={status} />}
      {devices.total === 0 && calls.length === 0 ? null : <Calls calls={calls} />}
      {[...stopped, ...open, ...watched].map((rollout) => (
        <RolloutCard key={rollout.name} rollout={rollout} />
      ))}
      {status.versions.length === 0 ? null : (
        <Suspense fallback={<Skeleton height={340} radius="lg" aria-label="Loading" />}>
          <VersionHistory versions={status.versions} atMs={atMs} />
        </Suspense>
      )}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Versions status={status} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <LatestEvents />
        </Grid.Col>
      </Grid>
    </Stack>
  );
}

function NoBoards(): ReactNode {
  return (
    <Card>
      <Empty
        title="Your first board is minutes away"
        icon={<IconPlugConnected size={22} />}
        action={
          <Button component={Link} href="/add-board" mt="xs">
            Add a board
          </Button>
        }
      >
        Three lines go into its sketch: the address of this server, its pin and a token. A board appears here with its
        first check-in.
      </Empty>
    </Card>
  );
}

function aboutText({ devices, versions }: ServerStatus): string {
  const products = new Set(versions.map(({ product }) => product)).size;
  return devices.total === 0
    ? 'No board has checked in yet'
    : `${boards(devices.total)} of ${products === 1 ? '1 product' : `${products} products`}`;
}
