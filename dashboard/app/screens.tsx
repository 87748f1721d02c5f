// Which screen an address shows. Each is loaded when it is first needed.

import { Button } from '@mantine/core';
import { IconMapQuestion } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense } from 'react';
import { Link, Route, Switch } from 'wouter';
import { Empty, Loading } from '#dashboard/parts/answers.tsx';
import { fromPath } from '#dashboard/parts/text/links.ts';
import { DASHBOARD_PAGES, type DashboardPage } from '#protocol/pages.ts';

const Fleet = lazy(async () => import('#dashboard/screens/fleet/fleet.tsx'));
const Devices = lazy(async () => import('#dashboard/screens/devices/devices.tsx'));
const Device = lazy(async () => import('#dashboard/screens/device/device.tsx'));
const Rollouts = lazy(async () => import('#dashboard/screens/rollouts/rollouts.tsx'));
const Rollout = lazy(async () => import('#dashboard/screens/rollout/rollout.tsx'));
const NewRollout = lazy(async () => import('#dashboard/screens/new-rollout/new-rollout.tsx'));
const Firmware = lazy(async () => import('#dashboard/screens/firmware/firmware.tsx'));
const AddBoard = lazy(async () => import('#dashboard/screens/add-board/add-board.tsx'));
const Schedules = lazy(async () => import('#dashboard/screens/schedules/schedules.tsx'));
const Activity = lazy(async () => import('#dashboard/screens/activity/activity.tsx'));
const Settings = lazy(async () => import('#dashboard/screens/settings/settings.tsx'));
const Server = lazy(async () => import('#dashboard/screens/server/server.tsx'));

/** The log-in page stands beside them (`app.tsx`). */
type ScreenPage = Exclude<DashboardPage, '/log-in'>;

/** Every address that the server knows, so that a page can be loaded anew wherever somebody is. */
const SCREENS: Readonly<Record<ScreenPage, (params: Readonly<Record<string, string | undefined>>) => ReactNode>> = {
  '/': () => <Fleet />,
  '/devices': () => <Devices />,
  '/devices/:device': ({ device = '' }) => <Device key={device} named={fromPath(device)} />,
  '/rollouts': () => <Rollouts />,
  '/rollouts/new': () => <NewRollout />,
  '/rollouts/:name': ({ name = '' }) => <Rollout key={name} name={fromPath(name)} />,
  '/firmware': () => <Firmware />,
  '/add-board': () => <AddBoard />,
  '/schedules': () => <Schedules />,
  '/activity': () => <Activity />,
  '/settings': () => <Settings />,
  '/server': () => <Server />,
};

export function Screens(): ReactNode {
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        {DASHBOARD_PAGES.filter((page) => page !== '/log-in').map((page) => (
          <Route key={page} path={page}>
            {SCREENS[page]}
          </Route>
        ))}
        <Route>
          <Empty
            title="There is no such page"
            icon={<IconMapQuestion size={22} />}
            action={
              <Button component={Link} href="/" variant="default" size="xs">
                To the fleet
              </Button>
            }
          />
        </Route>
      </Switch>
    </Suspense>
  );
}
