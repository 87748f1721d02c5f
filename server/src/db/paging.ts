// Pages of a list by key, not by offset: a page costs the same wherever it is, and rows that come or go meanwhile neither
// repeat nor skip others. The cursor names the order and the last row of the page before.

import { type SelectQueryBuilder, sql } from 'kysely';
import { OtterError } from '#protocol/errors.ts';
import type { Schema } from './schema.ts';

export interface Page {
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly sort: { readonly column: string; readonly descending: boolean };
  /** Whether to count the rows of all pages, which reads each of them. */
  readonly counts: boolean;
}

export interface Paged<Row> {
  readonly rows: readonly Row[];
  readonly nextCursor: string | null;
  /** Of all pages; undefined where nobody asked. */
  readonly total: number | undefined;
}

type Key = string | number;

/**
 * Runs the query for one page in the order of `page.sort`, ties by `idColumn`. The query must select both columns under
 * their own names. Throws `cursor_invalid` for a cursor that no page gave out.
 */
export async function runPage<Tables extends keyof Schema, Row extends object>(
  query: SelectQueryBuilder<Schema, Tables, Row>,
  page: Page,
  columns: { readonly id: string },
): Promise<Paged<Row>> {
  const direction = page.sort.descending ? sql`desc` : sql`asc`;
  const sortColumn = sql.ref(page.sort.column);
  const idColumn = sql.ref(columns.id);
  let bounded = query.orderBy(sql`${sortColumn} ${direction}, ${idColumn} ${direction}`).limit(page.limit + 1);
  if (page.cursor !== undefined) {
    const [value, id] = readCursor(page.cursor, page.sort);
    const beyond = page.sort.descending
      ? sql<boolean>`(${sortColumn}, ${idColumn}) < (${value}, ${id})`
      : sql<boolean>`(${sortColumn}, ${idColumn}) > (${value}, ${id})`;
    bounded = bounded.where(beyond);
  }
  const rows = await bounded.execute();
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    rows: shown,
    nextCursor: rows.length > page.limit && last !== undefined ? cursorOf(last, page.sort, columns.id) : null,
    total: page.counts ? await countRows(query) : undefined,
  };
}

/** `query` has no groups, so that one row says it. */
async function countRows<Tables extends keyof Schema, Row extends object>(
  query: SelectQueryBuilder<Schema, Tables, Row>,
): Promise<number> {
  const counted = await query
    .clearSelect()
    .select(sql<number | string>`count(*)`.as('total'))
    .executeTakeFirstOrThrow();
  return Number(counted.total);
}

function cursorOf(row: object, sort: Page['sort'], idColumn: string): string {
  const values = new Map<string, unknown>(Object.entries(row));
  const cursor = [orderOf(sort), values.get(nameOf(sort.column)), values.get(nameOf(idColumn))];
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

function readCursor(cursor: string, sort: Page['sort']): readonly [Key, number] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const [order, value, id, ...rest]: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
    const isOfOrder = order === orderOf(sort) && rest.length === 0;
    if (isOfOrder && isKeyOf(sort.column, value) && Number.isSafeInteger(id)) return [value, Number(id)];
  } catch {
    // Refused below, together with what is JSON but no cursor.
  }
  throw new OtterError(
    'cursor_invalid',
    'cursor: this is not the next_cursor of a page in this order',
    'start again without a cursor',
  );
}

/** Lists are sorted by instants and row ids, which are numbers, and by texts; PostgreSQL does not compare one with the other. */
function isKeyOf(column: string, value: unknown): value is Key {
  return /(_ms|\.id|\.tx)$/.test(column) ? Number.isSafeInteger(value) : typeof value === 'string';
}

function orderOf({ column, descending }: Page['sort']): string {
  return (descending ? '-' : '') + nameOf(column);
}

/** `devices.first_name` is selected as `first_name`. */
function nameOf(column: string): string {
  return column.slice(column.indexOf('.') + 1);
}
