// Pages of the list, one after the other as they are needed: never the whole fleet.

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { call } from '#dashboard/data/api.ts';
import type { Device } from '#protocol/admin/devices.ts';
import { type DeviceFilter, queryOf } from './address.ts';

const PAGE = 100;
/** Loaded pages are asked for again this often; a long list less often. */
const REFRESH_MS = 10_000;

export type DevicePages = ReturnType<typeof useDevicePages>;

export function useDevicePages(filter: DeviceFilter) {
  const query = useInfiniteQuery({
    queryKey: ['listDevices', 'pages', filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      call(
        'listDevices',
        {
          query: { ...queryOf(filter), limit: String(PAGE), ...(pageParam === undefined ? {} : { cursor: pageParam }) },
        },
        signal,
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: ({ state }) => REFRESH_MS * Math.max(1, state.data?.pages.length ?? 1),
    placeholderData: keepPreviousData,
  });
  const rows: readonly Device[] = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return {
    query,
    rows,
    hasMore: query.hasNextPage,
    loadMore: () => {
      if (query.hasNextPage && !query.isFetching) void query.fetchNextPage();
    },
  };
}
