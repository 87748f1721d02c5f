// Events: append-only, written in the transaction of the change itself by the functions of this folder that make it, read
// in an order in which none can be missed (docs/decisions/0013-events-by-transaction.md).

import { type Selectable, sql } from 'kysely';
import type { EventType } from '#protocol/admin/events.ts';
import type { DeviceId } from '#protocol/identity.ts';
import type { Outcome } from '#engine/outcome/outcome.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { Dialect } from '#server/db/database.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { EventsTable } from './tables.ts';

export type EventRow = Selectable<EventsTable>;

/** Where a reader is: at this event, or before the first one at `START`. */
export interface Position {
  readonly tx: number;
  readonly id: number;
}

export const START: Position = { tx: 0, id: 0 };

export function isBefore(one: Position, other: Position): boolean {
  return one.tx < other.tx || (one.tx === other.tx && one.id < other.id);
}

export interface EventFilter {
  readonly rollout?: string | undefined;
  readonly product?: string | undefined;
  /** The types that are wanted; undefined: all of them. */
  readonly types?: readonly EventType[] | undefined;
}

/** What is said beside the columns; a member that is null or undefined is left out. */
type EventData = Readonly<Record<string, string | number | boolean | null | undefined>>;

export type NewEvent = Pick<EventRow, 'at_ms' | 'product' | 'rollout' | 'version' | 'stage' | 'from_state'> & {
  readonly type: EventType;
  readonly data: EventData;
};

/** Of rollouts and stages. */
export async function addEvents(trx: Trx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({
    ...event,
    device_id: null,
    mac: null,
    assignment_id: null,
    data: dataText(event.data),
  }));
  await trx.insertInto('events').values(rows).execute();
}

/** Of a device, or of all devices of a product. */
export type NewHoldEvent = Pick<EventRow, 'at_ms' | 'product'> & {
  readonly type: Extract<EventType, `device.${string}` | `product.${string}`>;
  readonly device?: { readonly id: DeviceId; readonly first_name: string; readonly given_name: string | null };
  readonly data: EventData;
};

export async function addHoldEvent(trx: Trx, event: NewHoldEvent): Promise<void> {
  await addHoldEvents(trx, [event]);
}

/** In one statement. */
export async function addHoldEvents(trx: Trx, events: readonly NewHoldEvent[]): Promise<void> {
  if (events.length === 0) return;
  const none = { rollout: '', version: '', stage: null, assignment_id: null, from_state: null };
  const rows = events.map(({ device, data, ...columns }) => ({
    ...none,
    ...columns,
    device_id: device?.id ?? null,
    mac: device?.first_name ?? null,
    given_name: device?.given_name ?? null,
    data: dataText(data),
  }));
  await trx.insertInto('events').values(rows).execute();
}

const assignmentsWithNames = (trx: Trx) =>
  trx
    .selectFrom('assignments')
    .innerJoin('devices', 'devices.id', 'assignments.device_id')
    .innerJoin('rollouts', 'rollouts.id', 'assignments.rollout_id')
    .innerJoin('stages', 'stages.id', 'assignments.stage_id')
    .innerJoin('firmware', 'firmware.id', 'assignments.firmware_id');

type Assignments = ReturnType<typeof assignmentsWithNames>;

/**
 * One event for each assignment that `pick` leaves, in one statement. To be called before the change, so that the rows
 * still say from which state; a new assignment comes from none. An assignment that is in this state already gives no event.
 */
export async function addAssignmentEvents(
  trx: Trx,
  event: {
    readonly atMs: number;
    readonly state: AssignmentState;
    readonly isNew?: boolean;
    readonly data?: EventData;
  },
  pick: (assignments: Assignments) => Assignments,
): Promise<void> {
  const { atMs, state, isNew = false, data = {} } = event;
  await insertEvents(
    trx,
    { atMs, type: `assignment.${state}`, data, ...(isNew ? { from: null } : {}) },
    (assignments) => (isNew ? pick(assignments) : pick(assignments).where('assignments.state', '<>', state)),
  );
}

async function insertEvents(
  trx: Trx,
  event: {
    readonly atMs: number;
    readonly type: EventType;
    readonly data: EventData;
    /** Null: from none. Left out: from the state that the row has. */
    readonly from?: AssignmentState | null;
  },
  pick: (assignments: Assignments) => Assignments,
): Promise<void> {
  const { atMs, type, data, from } = event;
  await trx
    .insertInto('events')
    .columns([
      'at_ms',
      'type',
      'product',
      'rollout',
      'version',
      'stage',
      'device_id',
      'mac',
      'given_name',
      'assignment_id',
      'from_state',
      'data',
    ])
    .expression(
      pick(assignmentsWithNames(trx)).select([
        sql<number>`cast(${atMs} as bigint)`.as('at_ms'),
        sql<string>`cast(${type} as text)`.as('type'),
        'firmware.product',
        'rollouts.name as rollout',
        'firmware.version',
        'stages.name as stage',
        'assignments.device_id',
        'devices.first_name as mac',
        'devices.given_name',
        'assignments.id as assignment_id',
        from === undefined
          ? 'assignments.state as from_state'
          : sql<string | null>`cast(${from} as text)`.as('from_state'),
        sql<string>`cast(${dataText(data)} as text)`.as('data'),
      ]),
    )
    .execute();
}

/** Outcomes that are events: what a state of the assignment does not say. */
const TOLD: ReadonlySet<Outcome> = new Set(['healthy', 'crashing', 'lost']);

/**
 * The same for a change of the outcome, where it is one to tell; to be called before the change, too. It comes from the state
 * that the same change brings: where a board confirms and is healthy at once, the events say the one after the other.
 */
export async function addOutcomeEvents(
  trx: Trx,
  event: {
    readonly atMs: number;
    readonly state: AssignmentState;
    readonly outcome: Outcome;
    readonly data?: EventData;
  },
  pick: (assignments: Assignments) => Assignments,
): Promise<void> {
  const { atMs, state, outcome, data = {} } = event;
  if (!isTold(outcome)) return;
  await insertEvents(trx, { atMs, type: `assignment.${outcome}`, data, from: state }, (assignments) =>
    pick(assignments).where('assignments.outcome', '<>', outcome),
  );
}

function isTold(outcome: Outcome): outcome is 'healthy' | 'crashing' | 'lost' {
  return TOLD.has(outcome);
}

/** The last event that a reader may know of; `START` where there is none. */
export async function findHead(db: Reader, dialect: Dialect): Promise<Position> {
  const row = await db
    .selectFrom('events')
    .select(['tx', 'id'])
    .where(isSettled(dialect))
    .orderBy('tx', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? START;
}

/** The events after a position, in their order, at most `limit`. */
export async function listEventsAfter(
  db: Reader,
  dialect: Dialect,
  after: Position,
  limit: number,
): Promise<readonly EventRow[]> {
  return db
    .selectFrom('events')
    .selectAll()
    .where(isSettled(dialect))
    .where(isAfter(after))
    .orderBy('tx')
    .orderBy('id')
    .limit(limit)
    .execute();
}

export async function listEvents(
  db: Reader,
  dialect: Dialect,
  filter: EventFilter & { readonly after: Position },
  page: Page,
): Promise<Paged<EventRow>> {
  let query = db.selectFrom('events').selectAll('events').where(isSettled(dialect)).where(isAfter(filter.after));
  if (filter.rollout !== undefined) query = query.where('events.rollout', '=', filter.rollout);
  if (filter.product !== undefined) query = query.where('events.product', '=', filter.product);
  if (filter.types !== undefined) query = query.where('events.type', 'in', [...filter.types]);
  return runPage(query, page, { id: 'events.id' });
}

export async function hasEventsBefore(db: Reader, beforeMs: number): Promise<boolean> {
  const old = await db.selectFrom('events').select('id').where('at_ms', '<', beforeMs).limit(1).executeTakeFirst();
  return old !== undefined;
}

/**
 * Removes at most `limit` events that happened before this instant, never the last one: who stands there must not be taken
 * for somebody from another database. Resolves with how many those were.
 */
export async function pruneEvents(
  trx: Trx,
  prune: { readonly beforeMs: number; readonly head: Position; readonly limit: number },
): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('events')
    .where('id', 'in', (nested) =>
      nested
        .selectFrom('events as old')
        .select('old.id')
        .where('old.at_ms', '<', prune.beforeMs)
        .where(sql<boolean>`(old.tx, old.id) < (${prune.head.tx}, ${prune.head.id})`)
        .orderBy('old.at_ms')
        .limit(prune.limit),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

/**
 * Transactions of PostgreSQL are numbered anew in another cluster, so events that came with a copy may have numbers that
 * are still to come here. They, and the positions behind them, are put before all others, in the order of their ids.
 */
export async function adoptForeignEvents(trx: Trx): Promise<void> {
  const { rows } = await sql<{ readonly id: number | null }>`
    select max(id) as id from events where tx >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`.execute(trx);
  const lastId = rows[0]?.id ?? null;
  if (lastId === null) return;
  await trx.updateTable('events').set({ tx: 0 }).where('id', '<=', lastId).execute();
  await trx.updateTable('webhooks').set({ after_tx: 0 }).where('after_id', '<=', lastId).execute();
}

/**
 * On PostgreSQL a transaction gets its number before it commits: only below the lowest number that is still at work is the
 * order final. SQLite has one writer, and every row there has transaction 0.
 */
function isSettled(dialect: Dialect) {
  return dialect === 'postgres'
    ? sql<boolean>`events.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
    : sql<boolean>`1 = 1`;
}

function isAfter(position: Position) {
  return sql<boolean>`(events.tx, events.id) > (${position.tx}, ${position.id})`;
}

function dataText(data: EventData): string {
  return JSON.stringify(Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null)));
}
