// What happened: events of rollouts and boards as they come, and the audit of who did what.

import { Button, SegmentedControl, Stack } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { call } from '#dashboard/data/api.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { EventRow } from '#dashboard/parts/event-row.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { AuditList } from './audit-list.tsx';

const PAGE = '100';

const TYPES = [
  ['all', 'All'],
  ['rollout', 'Rollouts'],
  ['stage', 'Stages'],
  ['assignment', 'Boards'],
] as const;

export default function Activity(): ReactNode {
  const [params, setParams] = useSearchParams();
  const isAudit = params.get('show') === 'audit';
  return (
    <Page title="Activity">
      <SegmentedControl
        aria-label="What to show"
        data={[
          { value: 'events', label: 'Events' },
          { value: 'audit', label: 'Who did what' },
        ]}
        value={isAudit ? 'audit' : 'events'}
        onChange={(value) => setParams(value === 'audit' ? { show: 'audit' } : {}, { replace: true })}
        style={{ alignSelf: 'flex-start' }}
      />
      {isAudit ? <AuditList /> : <Events />}
    </Page>
  );
}

function Events(): ReactNode {
  const [params, setParams] = useSearchParams();
  const type = TYPES.find(([name]) => name === params.get('type'))?.[0] ?? 'all';
  const query = useInfiniteQuery({
    queryKey: ['listEvents', 'pages', type],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      call(
        'listEvents',
        {
          query: {
            limit: PAGE,
            sort: '-id',
            ...(type === 'all' ? {} : { type }),
            ...(pageParam === undefined ? {} : { cursor: pageParam }),
          },
        },
        signal,
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  return (
    <Stack gap="md">
      <SegmentedControl
        aria-label="Events of"
        size="xs"
        data={TYPES.map(([value, label]) => ({ value, label }))}
        value={type}
        onChange={(value) => setParams(value === 'all' ? {} : { type: value }, { replace: true })}
        style={{ alignSelf: 'flex-start' }}
      />
      <Card flush>
        <Answered query={query}>
          {({ pages }) => {
            const events = pages.flatMap(({ items }) => items);
            return events.length === 0 ? (
              <Empty title="Nothing happened yet">Changes of rollouts and updates of boards appear here.</Empty>
            ) : (
              events.map((event) => <EventRow key={event.id} event={event} />)
            );
          }}
        </Answered>
      </Card>
      {query.hasNextPage ? (
        <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Earlier
        </Button>
      ) : null}
    </Stack>
  );
}
