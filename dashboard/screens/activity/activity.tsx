// What happened: events of rollouts and boards as they come, and the audit of who did what.

import { Button, SegmentedControl, Stack } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { call } from '#dashboard/data/api.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { EventRow } from '#dashboard/parts/event-row.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import parts from '#dashboard/parts/parts.module.css';
import { useStill } from '#dashboard/parts/still.ts';
import type { Event } from '#protocol/admin/events.ts';
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
        <Answered query={query}>{({ pages }) => <EventList events={pages.flatMap(({ items }) => items)} />}</Answered>
      </Card>
      {query.hasNextPage ? (
        <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Earlier
        </Button>
      ) : null}
    </Stack>
  );
}

function EventList({ events }: { readonly events: readonly Event[] }): ReactNode {
  const { shown, isHeld, hold } = useStill(events);
  const first = shown[0]?.id;
  const fresh = isHeld ? events.findIndex(({ id }) => id === first) : 0;
  if (events.length === 0)
    return <Empty title="Nothing happened yet">Changes of rollouts and updates of boards appear here.</Empty>;
  return (
    <div {...hold}>
      {shown.map((event) => (
        <EventRow key={event.id} event={event} />
      ))}
      {fresh === 0 ? null : (
        <div className={parts['fresh']}>{fresh < 0 ? 'Many' : fresh} new: shown when the pointer leaves</div>
      )}
    </div>
  );
}
