// What stands where an answer is not there: it is on its way, there is nothing, it was refused, or nobody answered.

import { Button, Group, Loader, Text } from '@mantine/core';
import { IconLock, IconPlugConnectedX, IconSeedling } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence } from '#dashboard/data/queries.ts';
import css from './parts.module.css';

/** Shows what came; a failure only where nothing came before it. */
export function Answered<T>({
  query,
  children,
}: {
  readonly query: Pick<UseQueryResult<T>, 'data' | 'error' | 'refetch'>;
  readonly children: (answer: T) => ReactNode;
}): ReactNode {
  const { data, error, refetch } = query;
  if (data !== undefined) return children(data);
  if (error !== null) return <Failed error={error} again={() => void refetch()} />;
  return <Loading />;
}

export function Loading(): ReactNode {
  return (
    <Group justify="center" py={48}>
      <Loader size="sm" aria-label="Loading" />
    </Group>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children?: ReactNode;
  readonly icon?: ReactNode;
  readonly action?: ReactNode;
  readonly tone?: 'bad';
}

export function Empty({ title, children, icon, action, tone }: EmptyProps): ReactNode {
  return (
    <div className={css['empty']}>
      <div className={css['emptyIcon']} data-tone={tone} aria-hidden>
        {icon ?? <IconSeedling size={22} />}
      </div>
      <Text fw={600}>{title}</Text>
      {children === undefined ? null : (
        <Text c="dimmed" size="sm" maw={440} component="div">
          {children}
        </Text>
      )}
      {action}
    </div>
  );
}

function Failed({ error, again }: { readonly error: Error; readonly again: () => void }): ReactNode {
  const button = (
    <Button variant="default" size="xs" onClick={again}>
      Try again
    </Button>
  );
  if (error instanceof Refusal && error.status === 403)
    return (
      <Empty title="You may not see this" icon={<IconLock size={22} />}>
        {sentence(error.message)} {sentence(error.hint)}
      </Empty>
    );
  if (error instanceof Refusal)
    return (
      <Empty title={sentence(error.message)} tone="bad" icon={<IconPlugConnectedX size={22} />} action={button}>
        {sentence(error.hint)}
      </Empty>
    );
  return (
    <Empty title="The server does not answer" tone="bad" icon={<IconPlugConnectedX size={22} />} action={button}>
      Is it running, and is this computer in its network? The page goes on by itself when it answers.
    </Empty>
  );
}
