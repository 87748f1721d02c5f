// Navigation beside the screen, on a phone behind a button; whether what is shown is live; colours; log-out.

import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Kbd,
  Stack,
  useMantineColorScheme,
  useComputedColorScheme,
  VisuallyHidden,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconActivity,
  IconAdjustments,
  IconCalendarClock,
  IconCpu,
  IconHome,
  IconLogout,
  IconMoon,
  IconPackage,
  IconPlugConnected,
  IconPlugConnectedX,
  IconRocket,
  IconSearch,
  IconServer,
  IconSun,
} from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { call } from '#dashboard/data/api.ts';
import { useLive } from '#dashboard/data/live-context.tsx';
import { eventText } from '#dashboard/parts/text/event-text.ts';
import { StateText } from '#dashboard/parts/tone.tsx';
import { LOG_IN_PAGE, nameOf } from '#dashboard/parts/words.ts';
import css from './shell.module.css';
import logo from './otter.svg';

const Palette = lazy(async () => import('./palette.tsx'));

const ITEMS = [
  ['/', 'Fleet', IconHome],
  ['/devices', 'Devices', IconCpu],
  ['/rollouts', 'Rollouts', IconRocket],
  ['/firmware', 'Firmware', IconPackage],
  ['/schedules', 'Schedules', IconCalendarClock],
  ['/activity', 'Activity', IconActivity],
  ['/settings', 'Settings', IconAdjustments],
  ['/server', 'Server', IconServer],
  ['/add-board', 'Add a board', IconPlugConnected],
] as const;

export function Shell({ children }: { readonly children: ReactNode }): ReactNode {
  const [isOpen, { toggle, close }] = useDisclosure();
  const [isFinding, setFinding] = useState(false);
  const find = (): void => {
    close();
    setFinding(true);
  };
  useFindKey(find);
  return (
    <AppShell
      header={{ height: { base: 54, sm: 0 } }}
      navbar={{ width: 236, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <AppShell.Header hiddenFrom="sm" className={css['header'] ?? ''}>
        <Group h="100%" px="md" justify="space-between">
          <Brand />
          <Group gap="xs">
            <ActionIcon variant="subtle" color="gray" size="lg" onClick={find} aria-label="Find">
              <IconSearch size={20} />
            </ActionIcon>
            <Burger opened={isOpen} onClick={toggle} size="sm" aria-label="Menu" aria-expanded={isOpen} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" className={css['navbar'] ?? ''}>
        <Navigation onFind={find} onGo={close} />
      </AppShell.Navbar>
      <AppShell.Main>
        <div className={css['content']}>
          <Connection />
          {children}
        </div>
      </AppShell.Main>
      <Announcements />
      {isFinding ? (
        <Suspense>
          <Palette onClose={() => setFinding(false)} />
        </Suspense>
      ) : null}
    </AppShell>
  );
}

function Brand(): ReactNode {
  return (
    <Link href="/" className={css['brand'] ?? ''}>
      <img src={logo} alt="" width={28} height={28} />
      Otter
    </Link>
  );
}

function Navigation({ onFind, onGo }: { readonly onFind: () => void; readonly onGo: () => void }): ReactNode {
  const [place] = useLocation();
  return (
    <>
      <Stack gap="md" visibleFrom="sm" mb="md">
        <div style={{ padding: '2px 6px' }}>
          <Brand />
        </div>
        <button type="button" className={css['find']} onClick={onFind}>
          <IconSearch size={16} aria-hidden />
          <span style={{ flex: 1, textAlign: 'left' }}>Find</span>
          <Kbd size="xs">Ctrl K</Kbd>
        </button>
      </Stack>
      <Stack component="nav" aria-label="Main" gap={2} style={{ flex: 1 }}>
        {ITEMS.map(([href, text, Icon]) => (
          <Link
            key={href}
            href={href}
            className={css['item'] ?? ''}
            onClick={onGo}
            aria-current={isAt(place, href) ? 'page' : undefined}
          >
            <Icon size={18} stroke={1.7} aria-hidden />
            {text}
          </Link>
        ))}
      </Stack>
      <Footer />
    </>
  );
}

function isAt(place: string, href: string): boolean {
  return href === '/' ? place === '/' : place === href || place.startsWith(`${href}/`);
}

function Footer(): ReactNode {
  const { state } = useLive();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  const logOut = (): void => {
    // The page is loaded anew: what it asked meanwhile would say that a session is over, which who logs out knows.
    void call('revokeSession', { params: { session: 'own' } }).finally(() => location.assign(LOG_IN_PAGE));
  };
  return (
    <Group justify="space-between" pl={10}>
      <span style={{ fontSize: 13 }}>
        <StateText tone={state === 'live' ? 'good' : 'idle'} pulse={state === 'live'}>
          {state === 'live' ? 'Live' : state === 'connecting' ? 'Connecting' : 'Every 10 s'}
        </StateText>
      </span>
      <Group gap={2}>
        <ActionIcon
          variant="subtle"
          color="gray"
          onClick={() => setColorScheme(other)}
          {...nameOf(`Use ${other} colours`)}
        >
          {scheme === 'dark' ? <IconSun size={18} /> : <IconMoon size={18} />}
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" onClick={logOut} {...nameOf('Log out')}>
          <IconLogout size={18} />
        </ActionIcon>
      </Group>
    </Group>
  );
}

/** Says that what is shown may be old. */
function Connection(): ReactNode {
  const { state } = useLive();
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (state !== 'broken') return undefined;
    const timer = setTimeout(() => setLong(true), 3_000);
    return () => clearTimeout(timer);
  }, [state]);
  if (!isLong) return null;
  return (
    <div className={css['alert']} role="status">
      <IconPlugConnectedX size={18} aria-hidden />
      The live connection is gone: what you see may be some seconds old. It comes back by itself.
    </div>
  );
}

/** For those who hear the page: changes of rollouts, not every board. */
function Announcements(): ReactNode {
  const { events } = useLive();
  const latest = events.find(({ type }) => type.startsWith('rollout.'));
  return (
    <VisuallyHidden>
      <div aria-live="polite">{latest === undefined ? '' : eventText(latest)}</div>
    </VisuallyHidden>
  );
}

function useFindKey(find: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      find();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}
