// Ctrl+K: every page, rollout, firmware and board by a few letters.

import '@mantine/spotlight/styles.layer.css';
import { createSpotlight, Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { firmwareHref } from '#dashboard/parts/text/links.ts';

const [store, spotlight] = createSpotlight();

const PAGES = [
  ['Fleet', '/'],
  ['Devices', '/devices'],
  ['Devices that are silent', '/devices?status=silent'],
  ['Devices that failed', '/devices?status=failed'],
  ['Rollouts', '/rollouts'],
  ['New rollout', '/rollouts/new'],
  ['Firmware', '/firmware'],
  ['Add a board', '/add-board'],
  ['Schedules', '/schedules'],
  ['Activity', '/activity'],
  ['Server and sessions', '/server'],
] as const;

/** Beginnings of a MAC, which is what boards are searched by. */
const MAC_START = /^[0-9a-f:]{2,17}$/i;

export default function Palette({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [, go] = useLocation();
  const [query, setQuery] = useState('');
  const [asked] = useDebouncedValue(query.trim(), 200);
  useEffect(() => spotlight.open(), []);
  const isMac = MAC_START.test(asked);
  const rollouts = useCall('listRollouts', { query: { limit: '100', sort: '-created_at' } });
  const firmware = useCall('listFirmware', { query: { limit: '100', sort: '-created_at' } });
  const devices = useCall('listDevices', { query: { limit: '8', mac: asked } }, { enabled: isMac });
  const action = (label: string, description: string, href: string): SpotlightActionData => ({
    id: href,
    label,
    description,
    onClick: () => go(href),
  });
  const boards = isMac ? (devices.data?.items ?? []) : [];
  const groups = [
    {
      group: 'Boards',
      actions: boards.map((one) =>
        action(one.mac, `${one.product} ${one.current_version}`, `/devices/${encodeURIComponent(one.id)}`),
      ),
    },
    { group: 'Pages', actions: PAGES.map(([label, href]) => action(label, '', href)) },
    {
      group: 'Rollouts',
      actions: (rollouts.data?.items ?? []).map((one) =>
        action(one.name, `rollout, ${one.status}`, `/rollouts/${encodeURIComponent(one.name)}`),
      ),
    },
    {
      group: 'Firmware',
      actions: (firmware.data?.items ?? []).map((one) =>
        action(`${one.product} ${one.version}`, 'firmware', firmwareHref(one)),
      ),
    },
  ].filter(({ actions }) => actions.length > 0);
  return (
    <Spotlight
      store={store}
      actions={groups}
      query={query}
      onQueryChange={setQuery}
      onSpotlightClose={onClose}
      shortcut={null}
      nothingFound="Nothing has this name"
      scrollable
      maxHeight={420}
      limit={20}
      searchProps={{
        leftSection: <IconSearch size={18} />,
        placeholder: 'A page, a rollout, a version, the beginning of a MAC',
        'aria-label': 'Find',
      }}
    />
  );
}
