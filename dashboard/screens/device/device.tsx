// One board, from the question that brings people here down to the raw facts.

import { Grid, Stack } from '@mantine/core';
import { lazy, type ReactNode, Suspense } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Loading } from '#dashboard/parts/answers.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { deviceName } from '#dashboard/parts/words.ts';
import { Ago } from '#dashboard/parts/time.tsx';
import { DEVICE_STATES, StateBadge } from '#dashboard/parts/tone.tsx';
import { Written } from '#dashboard/parts/written.tsx';
import { DeviceActions } from './device-actions.tsx';
import { DeviceFacts } from './device-facts.tsx';
import { FailedBuilds } from './failed-builds.tsx';
import { Identity } from './identity.tsx';
import { History } from './history.tsx';
import { Labels } from './labels.tsx';
import { Orders } from './orders.tsx';
import { Why } from './why.tsx';

const Health = lazy(async () => import('./health.tsx'));

export default function Device({ named }: { readonly named: string }): ReactNode {
  const detail = useCall('getDevice', { params: { device: named } });
  if (detail.data === undefined)
    return (
      <Page title="Device">
        <Answered query={detail}>{() => null}</Answered>
      </Page>
    );
  const { device, identity, builds, assignments } = detail.data;
  const [text, tone] = DEVICE_STATES[device.status];
  return (
    <Page
      title={deviceName(device)}
      badge={
        <StateBadge tone={tone} pulse={device.status === 'updating'}>
          {text}
        </StateBadge>
      }
      about={
        <>
          {device.name === null ? null : `${device.mac}, `}
          {device.product} {device.current_version}, seen <Ago at={device.last_seen_at} />
        </>
      }
      actions={<DeviceActions detail={detail.data} />}
    >
      <Identity identity={identity} />
      <Orders device={device} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Stack gap="lg">
            <Why named={named} />
            <History assignments={assignments} />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Stack gap="lg">
            {device.note === null ? null : (
              <Card title="Note">
                <div style={{ fontSize: 14 }}>
                  <Written note={device.note} />
                </div>
              </Card>
            )}
            <Labels device={device} />
            {builds.length === 0 ? null : <FailedBuilds device={device} builds={builds} />}
            <DeviceFacts detail={detail.data} />
          </Stack>
        </Grid.Col>
      </Grid>
      <Suspense fallback={<Loading />}>
        <Health named={named} assignments={assignments} />
      </Suspense>
    </Page>
  );
}
