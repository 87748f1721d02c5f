// Boards of the opened stages that are not healthy on the build: those that went wrong first, each with its reason.

import { Button, Chip, Group, Table } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { call } from '#dashboard/data/api.ts';
import { sentence } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { OUTCOME_STATES, StateText } from '#dashboard/parts/tone.tsx';
import { count, words } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Rollout, WaitingBoard } from '#protocol/admin/rollouts.ts';
import { sumOf } from './sums.ts';

const BAD = ['crashing', 'failed', 'lost'] as const;
const OTHERS = ['on_trial', 'updating', 'soaking', 'waiting', 'not_now', 'other'] as const;
const PAGE = '100';

const ALL = 'all';

interface Asked {
  readonly outcome?: WaitingBoard['outcome'];
  readonly left_out?: string;
}

interface BoardGroup {
  readonly name: string;
  /** Undefined: it was not counted. */
  readonly size: number | undefined;
  readonly asked: Asked;
}

/** The numbers are those of the whole fleet; a group is asked for when somebody chooses it, and what went wrong before that. */
export function Boards({ rollout }: { readonly rollout: Rollout }): ReactNode {
  const [chosen, setChosen] = useState<string>();
  if (rollout.status === 'draft') return null;
  const groups = groupsOf(rollout);
  const first = groups.find(({ name }) => BAD.some((bad) => bad === name))?.name ?? ALL;
  const name = chosen !== undefined && groups.some((group) => group.name === chosen) ? chosen : first;
  const shown = groups.find((group) => group.name === name);
  if (shown === undefined)
    return (
      <Card title="Boards that are not there yet" flush>
        <Nobody />
      </Card>
    );
  return (
    <Card title="Boards that are not there yet" flush>
      <Group gap={6} px="var(--otter-side)" pb="sm">
        {groups.map((group) => (
          <Chip
            key={group.name}
            size="xs"
            variant="light"
            checked={group.name === name}
            onChange={() => setChosen(group.name)}
          >
            {words(group.name)} {group.size === undefined ? '' : count(group.size)}
          </Chip>
        ))}
      </Group>
      <Pages key={name} rollout={rollout.name} asked={shown.asked} />
    </Card>
  );
}

function Pages({ rollout, asked }: { readonly rollout: string; readonly asked: Asked }): ReactNode {
  const query = useInfiniteQuery({
    queryKey: ['getWaiting', rollout, asked],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam: cursor, signal }) =>
      call(
        'getWaiting',
        { params: { name: rollout }, query: { limit: PAGE, ...asked, ...(cursor === undefined ? {} : { cursor }) } },
        signal,
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  return (
    <Answered query={query}>
      {({ pages }) => (
        <>
          <List boards={pages.flatMap(({ items }) => items)} />
          {query.hasNextPage ? (
            <Button
              size="compact-sm"
              variant="default"
              mx="var(--otter-side)"
              my="xs"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              More
            </Button>
          ) : null}
        </>
      )}
    </Answered>
  );
}

function List({ boards }: { readonly boards: readonly WaitingBoard[] }): ReactNode {
  if (boards.length === 0) return <Nobody />;
  return (
    <Table.ScrollContainer
      minWidth={640}
      mah={460}
      scrollAreaProps={{ viewportProps: { 'aria-label': 'Boards that are not there yet', tabIndex: 0 } }}
    >
      <Table horizontalSpacing="var(--otter-side)" fz={13.5}>
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

function Nobody(): ReactNode {
  return <Remark>Nobody waits: every board of the open stages is healthy on the build.</Remark>;
}

/** What went wrong first, then what is under way, then whom a rule leaves out. */
function groupsOf(rollout: Rollout): readonly BoardGroup[] {
  const groups = [
    ...[...BAD, ...OTHERS].map((outcome) => ({ name: outcome, size: sumOf(rollout, outcome), asked: { outcome } })),
    ...rollout.left_out.map(({ reason, devices }) => ({
      name: reason,
      size: devices,
      asked: { left_out: reason },
    })),
  ].filter(({ size }) => size > 0);
  // Boards that count in no gate are in the list, and in none of these numbers.
  const uncounted = sumOf(rollout, 'uncounted');
  if (groups.length === 0 && uncounted === 0) return [];
  const size = uncounted > 0 ? undefined : groups.reduce((sum, group) => sum + group.size, 0);
  return [...groups, { name: ALL, size, asked: {} }];
}
