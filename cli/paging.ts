// Lists: the options that every list takes, following the server's cursors for as many items as were asked for, and the table.

import { Option } from '@commander-js/extra-typings';
import { readCount } from './arguments.ts';
import type { CommandGroup } from './program.ts';
import type { Session } from './session.ts';
import { formatTable } from './terminal.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '#protocol/limits.ts';

/** What a list sends of its own; `sort` is judged by the server, which knows the fields. */
interface PageQuery {
  readonly limit: string;
  readonly cursor: string | undefined;
  readonly sort: string | undefined;
  /** Whether to count what is on all pages. */
  readonly total?: 'true';
}

interface Page<T> {
  readonly items: readonly T[];
  /** Where to go on; null: this was the last page. */
  readonly next_cursor: string | null;
  readonly total?: number | undefined;
}

interface ListOptions {
  readonly limit?: number | undefined;
  readonly all?: true | undefined;
  readonly sort?: string | undefined;
}

/** How a list looks to people. */
interface ListForm<T> {
  readonly head: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** What is said where there is nothing. */
  readonly empty: string;
}

/** A command `name` with `--limit`, `--all` and `--sort FIELD`. */
export function addListCommand(
  group: CommandGroup,
  list: { readonly name: string; readonly description: string; readonly sortFields: string },
) {
  return group
    .command(list.name)
    .description(list.description)
    .addOption(new Option('--limit <count>', `how many to show (${DEFAULT_PAGE} if not said)`).argParser(readCount))
    .addOption(new Option('--all', 'show all of them').conflicts('limit'))
    .option('--sort <field>', `${list.sortFields}; --sort=-FIELD sorts in the other order`);
}

/** Reads pages until `--limit` or, with `--all`, the end is reached, and shows them. */
export async function showList<T>(
  session: Session,
  options: ListOptions,
  fetch: (query: PageQuery) => Promise<Page<T>>,
  form: ListForm<T>,
): Promise<void> {
  const page = await readList(options, fetch);
  const { terminal, json, showLong } = session;
  if (json) return showLong(page, () => '');
  if (page.items.length === 0) return terminal.note(form.empty);
  // Only where there is more: it reads every row.
  const isCut = page.next_cursor !== null;
  const total = isCut
    ? (await fetch({ limit: '1', cursor: undefined, sort: options.sort, total: 'true' })).total
    : undefined;
  await showLong(page, () => formatTable(form.head, page.items.map(form.row), terminal.colors));
  if (isCut) terminal.note(`${cutText(page.items.length, total)}; --all shows all`);
}

/** `50 of 1 204`; a list that is not counted says only where it ends. */
function cutText(shown: number, total: number | undefined): string {
  return total === undefined ? `the first ${grouped(shown)}` : `${grouped(shown)} of ${grouped(total)}`;
}

/** `1 204`: groups of three with spaces, which no language takes for a decimal point (ISO 80000-1). */
function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

async function readList<T>(options: ListOptions, fetch: (query: PageQuery) => Promise<Page<T>>): Promise<Page<T>> {
  const wanted = options.all === true ? Number.POSITIVE_INFINITY : (options.limit ?? DEFAULT_PAGE);
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const limit = String(Math.min(MAX_PAGE, wanted - items.length));
    const page = await fetch({ limit, cursor, sort: options.sort });
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && items.length < wanted);
  return { items, next_cursor: cursor ?? null };
}
