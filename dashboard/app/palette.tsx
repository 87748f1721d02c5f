// Ctrl+K: every page, rollout, firmware and board by a few letters.

import '@mantine/spotlight/styles.layer.css';
import { createSpotlight, Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useEffect, useEffectEvent, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { deviceHref, devicesHref, firmwareHref, rolloutHref } from '#dashboard/parts/text/links.ts';

const [store, spotlight] = createSpotlight();

const PAGES = [
  ['Fleet', '/'],
  ['Devices', '/devices'],
  ['Devices that are silent', devicesHref(['status', 'silent'])],
  ['Devices that failed', devicesHref(['status', 'failed'])],
  ['Rollouts', '/rollouts'],
  ['New rollout', '/rollouts/new'],
  ['Firmware', '/firmware'],
  ['Add a board', '/add-board'],
  ['Schedules', '/schedules'],
  ['Activity', '/activity'],
  ['Settings: who is told, budgets, labels', '/settings'],
  ['Server and sessions', '/server'],
] as const;

/** What may be the beginning of a MAC. */
const MAC_START = /^[0-9a-f:]{2,17}$/i;
const SHORTEST = 2;

export default function Palette({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [, go] = useLocation();
  const [query, setQuery] = useState('');
  useEffect(() => spotlight.open(), []);
  const found = useFound(query.trim(), go);
  // Boards come after the letters, perhaps after Enter.
  const isEntered = useRef(false);
  const openLate = useEffectEvent((href: string) => {
    if (!isEntered.current) return;
    spotlight.close();
    go(href);
  });
  useEffect(() => {
    if (found.firstBoard !== undefined) openLate(found.firstBoard);
  }, [found.firstBoard]);
  return (
    <Spotlight
      store={store}
      actions={found.groups}
      query={query}
      onQueryChange={(text) => {
        isEntered.current = false;
        setQuery(text);
      }}
      onSpotlightClose={onClose}
      shortcut={null}
      nothingFound="Nothing has this name"
      scrollable
      maxHeight={420}
      limit={20}
      searchProps={{
        leftSection: <IconSearch size={18} />,
        placeholder: 'A page, a rollout, a version, a name or MAC of a board',
        'aria-label': 'Find',
        onKeyDown: ({ key }) => {
          // What is marked opens by itself. What came late is not marked, and what is still to come opens when it is there.
          if (key !== 'Enter' || document.querySelector('[data-action][data-selected]') !== null) return;
          const first = document.querySelector<HTMLElement>('[data-action]');
          if (first === null) isEntered.current = true;
          else first.click();
        },
      }}
    />
  );
}

/** In the query language: the beginning of a MAC or of a name. */
function whereOf(text: string): string {
  const name = `name = "${text.replaceAll(/["\\]/g, '')}*"`;
  return MAC_START.test(text) ? `mac = "${text}" or ${name}` : name;
}

/** What is asked of the server for these letters, in groups. */
function useFound(query: string, go: (href: string) => void) {
  const [asked] = useDebouncedValue(query, 200);
  const isAsked = asked.length >= SHORTEST;
  const rollouts = useCall('listRollouts', { query: { limit: '100', sort: '-created_at' } });
  const firmware = useCall('listFirmware', { query: { limit: '100', sort: '-created_at' } });
  const devices = useCall('listDevices', { query: { limit: '8', where: whereOf(asked) } }, { enabled: isAsked });
  const action = (label: string, description: string, href: string): SpotlightActionData => ({
    id: href,
    label,
    description,
    onClick: () => go(href),
  });
  const boards = (isAsked ? (devices.data?.items ?? []) : []).map(({ id, name, mac, product, current_version }) =>
    action(name ?? mac, `${name === null ? '' : `${mac}, `}${product} ${current_version}`, deviceHref(id)),
  );
  const groups = [
    { group: 'Boards', actions: boards },
    { group: 'Pages', actions: PAGES.map(([label, href]) => action(label, '', href)) },
    {
      group: 'Rollouts',
      actions: (rollouts.data?.items ?? []).map(({ name, status }) =>
        action(name, `rollout, ${status}`, rolloutHref(name)),
      ),
    },
    {
      group: 'Firmware',
      actions: (firmware.data?.items ?? []).map((one) =>
        action(`${one.product} ${one.version}`, 'firmware', firmwareHref(one)),
      ),
    },
  ].filter(({ actions }) => actions.length > 0);
  return { groups, firstBoard: asked === query ? boards[0]?.id : undefined };
}
