// The frame of every screen: a title with what can be done, and cards.

import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useId } from 'react';
import css from './parts.module.css';

interface PageProps {
  readonly title: string;
  readonly about?: ReactNode;
  readonly badge?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, about, badge, actions, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · Otter`;
  }, [title]);
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ minWidth: 0, maxWidth: '100%' }}>
          <Group gap="sm">
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              {title}
            </Title>
            {badge}
          </Group>
          {about === undefined ? null : (
            <Text c="dimmed" size="sm" mt={4} component="div">
              {about}
            </Text>
          )}
        </div>
        {actions === undefined ? null : <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

interface CardProps {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  /** Without a margin at the sides: for tables. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Card({ title, aside, flush = false, children }: CardProps): ReactNode {
  const id = useId();
  return (
    <section className={css['card']} aria-labelledby={title === undefined ? undefined : id}>
      {title === undefined ? null : (
        <div className={css['cardHead']}>
          <Title id={id} order={2} style={{ flex: 1, minWidth: 'min-content', overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {aside}
        </div>
      )}
      <div className={flush ? css['flush'] : css['cardBody']}>{children}</div>
    </section>
  );
}

/** In place of the rows of a flush card, or below them. */
export function Remark({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <Text size="sm" c="dimmed" px="var(--otter-side)" py={8}>
      {children}
    </Text>
  );
}

export function Facts({ rows }: { readonly rows: readonly (readonly [name: string, value: ReactNode])[] }): ReactNode {
  return (
    <dl className={css['facts']}>
      {rows
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
    </dl>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: ReactNode }): ReactNode {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
