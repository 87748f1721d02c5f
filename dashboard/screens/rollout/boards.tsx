// Boards of the opened stages that are not healthy on the build: those that went wrong first, each with its reason.

import { Chip, Group, Table, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { Card } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { OUTCOME_STATES, StateText } from '#dashboard/parts/tone.tsx';
import { words } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Rollout, WaitingBoard } from '#protocol/admin/rollouts.ts';

const BAD: readonly WaitingBoard['outcome'][] = ['crashing', 'failed', 'lost'];
const SHOWN = 200;

export function Boards({ rollout: { name, status } }: { readonly rollout: Rollout }): ReactNode {
  const isStarted = status !== 'draft';
  const waiting = useCall('getWaiting', { params: { name }, query: { limit: String(SHOWN) } }, { enabled: isStarted });
  const [group, setGroup] = useState<string>();
  if (!isStarted || waiting.data === undefined) return null;
  const { items, next_cursor: more } = waiting.data;
  const groups = groupsOf(items);
  const shown = items
    .filter((board) => group === undefined || groupOf(board) === group)
    .toSorted((left, right) => BAD.indexOf(right.outcome) - BAD.indexOf(left.outcome));
  return (
    <Card
      title="Boards that are not there yet"
      flush
      aside={
        <Text size="sm" c="dimmed">
          {items.length}
          {more === null ? '' : ' and more'}
        </Text>
      }
    >
      {items.length === 0 ? (
        <Text size="sm" c="dimmed" px={20} py={8}>
          Nobody waits: every board of the open stages is healthy on the build.
        </Text>
      ) : (
        <>
          <Group gap={6} px={20} pb="sm">
            {groups.map(([one, size]) => (
              <Chip
                key={one}
                size="xs"
                variant="light"
                checked={group === one}
                onChange={(isChecked) => setGroup(isChecked ? one : undefined)}
              >
                {words(one)} {size}
              </Chip>
            ))}
          </Group>
          <List boards={shown} />
        </>
      )}
    </Card>
  );
}

function List({ boards }: { readonly boards: readonly WaitingBoard[] }): ReactNode {
  return (
    <Table.ScrollContainer
      minWidth={640}
      mah={460}
      scrollAreaProps={{ viewportProps: { 'aria-label': 'Boards that are not there yet', tabIndex: 0 } }}
    >
      <Table horizontalSpacing={20} fz={13.5}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Board</Table.Th>
            <Table.Th>Stage</Table.Th>
            <Table.Th>Outcome</Table.Th>
            <Table.Th>Why</Table.Th>
            <Table.Th ta="right">Seen</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {boards.map(({ mac, stage, outcome, text, last_seen_at, not_counted }) => (
            <Table.Tr key={mac}>
              <Table.Td>
                <Link href={deviceHref(mac)} className={`${parts['link']} mono`}>
                  {mac}
                </Link>
              </Table.Td>
              <Table.Td>{stage}</Table.Td>
              <Table.Td>
                <StateText tone={OUTCOME_STATES[outcome][1]}>{OUTCOME_STATES[outcome][0]}</StateText>
              </Table.Td>
              <Table.Td>
                {sentence(text)}
                {not_counted === null ? null : (
                  <span className={parts['dim']}> Not counted: {words(not_counted)}.</span>
                )}
              </Table.Td>
              <Table.Td ta="right" className={parts['dim'] ?? ''}>
                <Ago at={last_seen_at} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function groupOf({ reason, outcome }: WaitingBoard): string {
  return reason ?? outcome;
}

function groupsOf(items: readonly WaitingBoard[]): readonly (readonly [string, number])[] {
  const sizes = new Map<string, number>();
  for (const item of items) sizes.set(groupOf(item), (sizes.get(groupOf(item)) ?? 0) + 1);
  return [...sizes].toSorted(([, left], [, right]) => right - left);
}
