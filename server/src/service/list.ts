// What every list shares: the size of a page, the order by a field of an allow-list, the cursor.

import { OtterError } from '#protocol/errors.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '#protocol/limits.ts';
import type { Page, Paged } from '#server/db/paging.ts';

export interface ListQuery {
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
  readonly sort?: string | undefined;
  readonly total?: 'true' | 'false' | undefined;
}

export interface Listed<Item> {
  readonly items: Item[];
  readonly next_cursor: string | null;
  readonly total?: number;
}

/**
 * The page that a query asks for. `columns` maps the names that may be sorted by to columns; `order` is what holds where
 * the query says nothing, `-name` from the largest to the smallest. Throws `limit_invalid`, `sort_invalid`.
 */
export function readPage(query: ListQuery, columns: Readonly<Record<string, string>>, order: string): Page {
  const limit = query.limit === undefined ? DEFAULT_PAGE : Number(query.limit);
  if (!/^[0-9]+$/.test(query.limit ?? '1') || !(limit >= 1 && limit <= MAX_PAGE)) {
    throw new OtterError(
      'limit_invalid',
      `limit: ${query.limit} is not a number from 1 to ${MAX_PAGE}`,
      `leave it out for ${DEFAULT_PAGE}`,
    );
  }
  const sort = query.sort ?? order;
  const name = sort.replace(/^-/, '');
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined) {
    throw new OtterError(
      'sort_invalid',
      `sort: this list has no order by ${JSON.stringify(name)}`,
      `use one of: ${Object.keys(columns).join(', ')}; a leading - sorts in the other order`,
    );
  }
  return {
    limit,
    cursor: query.cursor,
    counts: query.total === 'true',
    sort: { column, descending: sort.startsWith('-') },
  };
}

export function toListed<Row, Item>(page: Paged<Row>, items: readonly Item[]): Listed<Item> {
  const total = page.total === undefined ? {} : { total: page.total };
  return { items: [...items], next_cursor: page.nextCursor, ...total };
}
