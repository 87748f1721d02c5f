// Queries that are kept by a name: to choose, to keep the one in the box, to forget. `@name` stands for one wherever a query is typed.

import { ActionIcon, Anchor, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { boards, nameOf } from '#dashboard/parts/words.ts';
import type { SavedQuery } from '#protocol/admin/fleet/saved-queries.ts';
import { whereOf } from './where.ts';
import css from './devices.module.css';

/** Each is counted in the whole fleet. */
const REFRESH_MS = 60_000;

interface SavedQueriesProps {
  readonly q: string;
  readonly setQuery: (q: string) => void;
}

export default function SavedQueries({ q, setQuery }: SavedQueriesProps): ReactNode {
  const queries = useCall('getQueries', {}, { everyMs: REFRESH_MS, isDear: true });
  const [asked, setAsked] = useState<string>();
  const remove = useAction('removeQuery', ({ removed }) => `Query ${removed} is forgotten`);
  return (
    <Stack gap="md">
      <Answered query={queries}>
        {({ items }) =>
          items.length === 0 ? (
            <Text size="sm" c="dimmed">
              None is kept yet. Type a query in the box, and give it a name here: @name then stands for it in every
              other query.
            </Text>
          ) : (
            <ul className={css['saved']}>
              {items.map((query) => (
                <Saved
                  key={query.name}
                  query={query}
                  onPick={() => setQuery(`@${query.name}`)}
                  onRemove={() => setAsked(query.name)}
                />
              ))}
            </ul>
          )
        }
      </Answered>
      <Keep q={q} />
      {asked === undefined ? null : (
        <ActionDialog
          title={`Forget query ${asked}?`}
          confirm="Forget it"
          busy={remove.isPending}
          onClose={() => setAsked(undefined)}
          onConfirm={() => remove.mutate({ params: { name: asked } }, { onSettled: () => setAsked(undefined) })}
        >
          No board changes. A query that says @{asked} cannot be read any more.
        </ActionDialog>
      )}
    </Stack>
  );
}

interface SavedProps {
  readonly query: SavedQuery;
  readonly onPick: () => void;
  readonly onRemove: () => void;
}

function Saved({ query: { name, where, devices }, onPick, onRemove }: SavedProps): ReactNode {
  return (
    <li className={css['savedRow']}>
      <span className={css['savedText']}>
        <Anchor component="button" type="button" size="sm" fw={550} onClick={onPick}>
          @{name}
        </Anchor>{' '}
        <Text span size="sm" c="dimmed">
          {where}
        </Text>
      </span>
      <Text size="sm" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
        {boards(devices)}
      </Text>
      <ActionIcon size={24} variant="subtle" color="gray" onClick={onRemove} {...nameOf(`Forget query ${name}`)}>
        <IconX size={14} />
      </ActionIcon>
    </li>
  );
}

function Keep({ q }: Pick<SavedQueriesProps, 'q'>): ReactNode {
  const [name, setName] = useState('');
  const keep = useAction('saveQuery', (saved) => `@${saved.name} means ${boards(saved.devices)} now`);
  const { where } = whereOf(q);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (where !== undefined && name !== '')
          keep.mutate({ params: { name }, body: { where } }, { onSuccess: () => setName('') });
      }}
    >
      <Group gap="xs" align="flex-end">
        <TextInput
          label="Keep the query in the box as"
          placeholder="lab-c3"
          value={name}
          maxLength={32}
          disabled={where === undefined}
          onChange={({ currentTarget }) => setName(currentTarget.value.trim())}
          style={{ flex: '1 1 200px', maxWidth: 320 }}
        />
        <Button type="submit" variant="default" loading={keep.isPending} disabled={where === undefined || name === ''}>
          Keep it
        </Button>
      </Group>
    </form>
  );
}
