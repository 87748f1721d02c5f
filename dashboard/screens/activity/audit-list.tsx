// Who did what, the latest first, and whether the record is whole.

import { Button, Stack, Table } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { call } from '#dashboard/data/api.ts';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { actorText, auditText, detailsText } from '#dashboard/parts/text/audit-text.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { count } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';

const PAGE = '100';
const VERIFY_MS = 300_000;

export function AuditList(): ReactNode {
  const query = useInfiniteQuery({
    queryKey: ['listAudit', 'pages'],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      call('listAudit', { query: { limit: PAGE, ...(pageParam === undefined ? {} : { cursor: pageParam }) } }, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  return (
    <Stack gap="md">
      <Whole />
      <Card flush>
        <Answered query={query}>
          {({ pages }) => {
            const entries = pages.flatMap(({ items }) => items);
            if (entries.length === 0) return <Empty title="Nothing was done yet" />;
            return (
              <Table.ScrollContainer
                minWidth={640}
                scrollAreaProps={{ viewportProps: { 'aria-label': 'Audit', tabIndex: 0 } }}
              >
                <Table horizontalSpacing="var(--otter-side)" fz={13.5}>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>What</Table.Th>
                      <Table.Th>Of</Table.Th>
                      <Table.Th>By</Table.Th>
                      <Table.Th>Details</Table.Th>
                      <Table.Th ta="right">When</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {entries.map((entry) => (
                      <Table.Tr key={entry.id}>
                        <Table.Td fw={550}>{auditText(entry)}</Table.Td>
                        <Table.Td>{entry.subject}</Table.Td>
                        <Table.Td>{actorText(entry.actor)}</Table.Td>
                        <Table.Td c="dimmed" maw={320} style={{ overflowWrap: 'anywhere' }}>
                          {detailsText(entry)}
                        </Table.Td>
                        <Table.Td ta="right" className={parts['dim'] ?? ''}>
                          <Ago at={entry.at} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
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

function Whole(): ReactNode {
  const { data } = useCall('verifyAudit', {}, { everyMs: VERIFY_MS });
  if (data === undefined) return null;
  if (data.intact)
    return (
      <Note tone="good">
        <b>The record is whole:</b> {count(data.entries)} entries, each chained to the one before.
      </Note>
    );
  return (
    <Note tone="bad">
      <b>
        The record is not whole: {data.fault_count} {data.fault_count === 1 ? 'fault' : 'faults'}.
      </b>{' '}
      {data.faults.map(({ text }) => text).join('; ')}
    </Note>
  );
}
