// Events for those who want to know: pages of what happened, and feeds of what happens. Every reader has a position of its
// own and reads from the table after it, so one that is slow costs no memory and one that was cut misses nothing.

import { textOfDeviceId } from '#protocol/identity.ts';
import { setImmediate as breathe } from 'node:timers/promises';
import { OtterError } from '#protocol/errors.ts';
import {
  type Event,
  EVENT_ID_PATTERN,
  EVENT_TYPES,
  type EventFilterType,
  type EventType,
  isEventType,
} from '#protocol/admin/events.ts';
import { EVENT_BATCH, EVENT_HEARTBEAT_MS } from '#protocol/limits.ts';
import {
  type EventFilter,
  type EventRow,
  findHead,
  isBefore,
  listEventsAfter,
  listEvents as listRows,
  type Position,
  START,
} from '#server/db/events/events.ts';
import type { Deps } from '#server/service/deps.ts';
import type { EventWatch } from './watch.ts';
import { toInstant } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';

export interface EventQuery {
  readonly rollout?: string | undefined;
  readonly product?: string | undefined;
  readonly type?: EventFilterType | undefined;
  readonly after?: string | undefined;
}

/** Throws `cursor_invalid`. */
export async function listEvents(deps: Deps, query: ListQuery & EventQuery): Promise<Listed<Event>> {
  const { read, dialect } = deps.database;
  const page = readPage(query, { id: 'events.tx' }, '-id');
  const after = query.after === undefined ? START : readEventId(query.after);
  const rows = await listRows(read, dialect, { ...toFilter(query), after }, page);
  return toListed(rows, rows.rows.map(viewEvent));
}

/** What a feed gives: events, none of them where it only says that it is alive, and the id to go on after. */
export interface FeedBatch {
  readonly events: readonly Event[];
  readonly id: string;
}

/**
 * Events after `query.after`, or from now on, as they are committed, until `signal` is aborted. The first batch comes at
 * once and is empty: it says where the feed begins. Rejects with `cursor_invalid` before that; ends with an error of the
 * database, after which a new feed may go on where this one was.
 */
export async function openFeed(
  deps: Deps,
  watch: EventWatch,
  query: EventQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<FeedBatch>> {
  const { read, dialect } = deps.database;
  const head = await findHead(read, dialect);
  const from = query.after === undefined ? head : readEventId(query.after);
  if (isBefore(head, from)) {
    throw new OtterError(
      'cursor_invalid',
      `the event ${query.after} is not known here: the last one is ${eventIdOf(head)}`,
      'is it of another server? begin with 0, or without an id for what happens from now on',
    );
  }
  return follow(deps, watch, { from, filter: toFilter(query) }, signal);
}

async function* follow(
  deps: Deps,
  watch: EventWatch,
  { from, filter }: { readonly from: Position; readonly filter: EventFilter },
  signal: AbortSignal,
): AsyncGenerator<FeedBatch> {
  const { read, dialect } = deps.database;
  let position = from;
  yield { events: [], id: eventIdOf(position) };
  while (!signal.aborted) {
    const rows = await listEventsAfter(read, dialect, position, EVENT_BATCH);
    position = rows.at(-1) ?? position;
    const events = selectEvents(rows, filter);
    if (events.length > 0) yield { events, id: eventIdOf(position) };
    // Reading on does not stand in the way of the devices, also where the database answers at once.
    if (rows.length === EVENT_BATCH) await breathe();
    else if ((await watch.next(position, EVENT_HEARTBEAT_MS, signal)) === 'silence')
      yield { events: [], id: eventIdOf(position) };
  }
}

/** The rows that the filter lets through, as the wire says them. */
export function selectEvents(rows: readonly EventRow[], filter: EventFilter): readonly Event[] {
  const { rollout, product, types } = filter;
  return rows
    .filter((row) => rollout === undefined || row.rollout === rollout)
    .filter((row) => product === undefined || row.product === product)
    .filter((row) => types === undefined || types.includes(row.type))
    .map(viewEvent);
}

/** The types that these names stand for. */
export function expandTypes(names: readonly EventFilterType[]): readonly EventType[] {
  const isMeant = (type: EventType): boolean => names.some((name) => type === name || type.startsWith(`${name}.`));
  return Object.keys(EVENT_TYPES).filter(isEventType).filter(isMeant);
}

function eventIdOf({ tx, id }: Position): string {
  return `${tx}-${id}`;
}

function toFilter({ rollout, product, type }: EventQuery): EventFilter {
  return { rollout, product, types: type === undefined ? undefined : expandTypes([type]) };
}

function readEventId(text: string): Position {
  if (!new RegExp(EVENT_ID_PATTERN).test(text)) {
    throw new OtterError(
      'cursor_invalid',
      `${JSON.stringify(text.slice(0, 40))} is not the id of an event`,
      'send the id of an event as it came, or 0 for the beginning, or leave it out',
    );
  }
  const [tx = 0, id = 0] = text === '0' ? [] : text.split('-').map(Number);
  return { tx, id };
}

function viewEvent(row: EventRow): Event {
  const data: Event['data'] = JSON.parse(row.data);
  return {
    id: eventIdOf(row),
    at: toInstant(row.at_ms),
    type: row.type,
    product: row.product === '' ? null : row.product,
    rollout: row.rollout === '' ? null : row.rollout,
    version: row.version === '' ? null : row.version,
    stage: row.stage,
    device_id: row.device_id === null ? null : textOfDeviceId(row.device_id),
    mac: row.mac,
    name: row.given_name,
    assignment_id: row.assignment_id,
    from: row.from_state,
    data,
  };
}
