// The box for the query, and what helps with it: filters to choose, queries that are kept, columns. One of the three is open at a time.

import { Button, Group, Stack } from '@mantine/core';
import { IconBookmark, IconColumns3, IconFilter } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Loading } from '#dashboard/parts/answers.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import type { DeviceFilter } from './address.ts';
import { readChoices } from './choices.ts';
import { ColumnChoice } from './column-choice.tsx';
import type { ShownColumn } from './columns.tsx';
import { Search } from './search.tsx';

const Facets = lazy(async () => import('./facets.tsx'));
const SavedQueries = lazy(async () => import('./saved-queries.tsx'));

const TOOLS = [
  ['filters', 'Filters', IconFilter],
  ['saved', 'Saved', IconBookmark],
  ['columns', 'Columns', IconColumns3],
] as const;
type Tool = (typeof TOOLS)[number][0];

interface ToolsProps {
  readonly filter: DeviceFilter;
  readonly setFilter: (filter: DeviceFilter) => void;
  readonly columns: readonly ShownColumn[];
  readonly chooseColumns: (keys: readonly string[]) => void;
  /** The list is there: what is only there to choose from comes after it. */
  readonly isListed: boolean;
}

export function Tools({ filter, setFilter, columns, chooseColumns, isListed }: ToolsProps): ReactNode {
  const [open, setOpen] = useState<Tool>();
  const setQuery = (q: string): void => setFilter({ ...filter, q });
  const chosen = [...readChoices(filter.q).choices.values()].reduce((sum, { size }) => sum + size, 0);
  return (
    <Stack gap="sm">
      <Group gap="xs" align="flex-start">
        <Search value={filter.q} onChange={setQuery} />
        <Group gap="xs">
          {TOOLS.map(([tool, name, Icon]) => (
            <Button
              key={tool}
              variant={open === tool ? 'light' : 'default'}
              leftSection={<Icon size={16} />}
              aria-expanded={open === tool}
              px={12}
              onClick={() => setOpen(open === tool ? undefined : tool)}
            >
              {name}
              {tool === 'filters' && chosen > 0 ? ` (${chosen})` : ''}
            </Button>
          ))}
        </Group>
      </Group>
      {open === undefined ? null : (
        <Card>
          <Suspense fallback={<Loading />}>
            {open === 'filters' ? <Facets q={filter.q} setQuery={setQuery} isListed={isListed} /> : null}
            {open === 'saved' ? <SavedQueries q={filter.q} setQuery={setQuery} /> : null}
            {open === 'columns' ? <ColumnChoice columns={columns} choose={chooseColumns} /> : null}
          </Suspense>
        </Card>
      )}
    </Stack>
  );
}
