// The boards that a stage would take, asked for when somebody wants to see them.

import { Button, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { call } from '#dashboard/data/api.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import parts from '#dashboard/parts/parts.module.css';
import css from './new-rollout.module.css';

const PAGE = '100';

export function StageBoards({ name, stage }: { readonly name: string; readonly stage: string }): ReactNode {
  const query = useInfiniteQuery({
    queryKey: ['getPreviewDevices', name, stage],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      call(
        'getPreviewDevices',
        { params: { name }, query: { stage, limit: PAGE, ...(pageParam === undefined ? {} : { cursor: pageParam }) } },
        signal,
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  return (
    <Answered query={query}>
      {({ pages }) => {
        const macs = pages.flatMap(({ items }) => items);
        if (macs.length === 0)
          return (
            <Text size="sm" c="dimmed">
              None now.
            </Text>
          );
        return (
          <>
            <ul className={css['boards']} aria-label={`Boards of ${stage}`}>
              {macs.map((mac) => (
                <li key={mac}>
                  <Link href={deviceHref(mac)} className={`${parts['link']} mono`}>
                    {mac}
                  </Link>
                </li>
              ))}
            </ul>
            {query.hasNextPage ? (
              <Button
                size="compact-sm"
                variant="default"
                mt="xs"
                loading={query.isFetchingNextPage}
                onClick={() => void query.fetchNextPage()}
              >
                More
              </Button>
            ) : null}
          </>
        );
      }}
    </Answered>
  );
}
