// The conditions of a query (protocol/query) as SQL on `devices` and `presence`. Each is true or false, never null, so that `not`
// means what it says. What SQL cannot order or judge is looked up before: versions and builds that are known bad.

import { type RawBuilder, sql } from 'kysely';
import type { DEVICE_STATUSES } from '#protocol/admin/states.ts';
import { assertNever } from '#protocol/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import type { Condition, Order, Query, TextField } from '#protocol/query/query.ts';
import type { Dialect } from '#server/db/database.ts';
import { isOverdueAt, isSilentAt, type SilenceRule } from '#server/db/device/presence-sql.ts';

/** What the conditions are read by. */
export interface WhereFacts {
  readonly dialect: Dialect;
  readonly silence: SilenceRule;
  /** As devices say them: those that the condition holds for. */
  readonly versions: (order: Order, version: string) => readonly string[];
  /** The devices on which a build of this version is known bad. */
  readonly knownBad: (version: string) => readonly DeviceId[];
}

export type Where = RawBuilder<boolean>;

export function whereOf(query: Query, facts: WhereFacts): Where {
  if (query.kind === 'not') return sql`(not ${whereOf(query.part, facts)})`;
  if (query.kind !== 'and' && query.kind !== 'or') return sql`(${conditionOf(query, facts)})`;
  const parts = query.parts.map((part) => whereOf(part, facts));
  return sql`(${sql.join(parts, query.kind === 'and' ? sql` and ` : sql` or `)})`;
}

function conditionOf(condition: Condition, { dialect, silence, versions, knownBad }: WhereFacts): Where {
  switch (condition.kind) {
    case 'text':
      return textIs(condition, dialect);
    case 'mac':
      return hasMac(condition.beginning);
    case 'id':
      return sql`devices.id = ${condition.id}`;
    case 'version':
      return sql`devices.current_version in ${listed(versions(condition.order, condition.version), dialect, 'text')}`;
    case 'chip_revision':
      return sql`(${attribute('chip_revision', dialect, 'numeric')} ${ORDERS[condition.order]} ${sql.lit(condition.revision)}) is true`;
    case 'release_key':
      // A list of hex digits in quotes: the id with its quotes is in it, or is not.
      return sql`(${attribute('release_keys', dialect, 'text')} like ${`%"${condition.keyId}"%`}) is true`;
    case 'status':
      return hasStatus(condition.status, silence);
    case 'label':
      return dialect === 'postgres' ? looksUpLabel(condition.name) : hasLabel(condition.name);
    case 'is':
      return isSo(condition.what, silence);
    case 'known_bad':
      return sql`devices.id in ${listed(knownBad(condition.version), dialect, 'bigint')}`;
    case 'saved':
      // What it means has its place (`withSaved`).
      throw new Error(`a saved query in SQL: ${condition.name}`);
    case 'seen':
      return sql`${SEEN_AT[condition.which]} >= ${silence.nowMs - condition.withinS * 1000}`;
    case 'seen_at':
      return sql`${SEEN_AT[condition.which]} ${ORDERS[condition.order]} ${Date.parse(condition.instant)}`;
    default:
      return assertNever(condition);
  }
}

export function hasMac(beginning: string): Where {
  // `g` follows every hex digit and the colon in whatever order of letters the database has.
  return sql`devices.id in (select device_id from device_names
    where kind = 'mac' and name >= ${beginning} and name < ${`${beginning}g`})`;
}

export function hasLabel(name: string): Where {
  return sql`devices.id in (select device_labels.device_id from device_labels
    join labels on labels.id = device_labels.label_id where labels.name = ${name})`;
}

/**
 * The same, looked up for each device: where it is negated, or one condition of many, PostgreSQL would go through every device that has the
 * label for each of them.
 */
export function looksUpLabel(name: string): Where {
  return sql`exists (select 1 from device_labels join labels on labels.id = device_labels.label_id
    where device_labels.device_id = devices.id and labels.name = ${name})`;
}

function isSo(what: Extract<Condition, { readonly kind: 'is' }>['what'], silence: SilenceRule): Where {
  switch (what) {
    case 'held':
      return isHeldAt(silence.nowMs);
    case 'test':
      return sql`coalesce(devices.counted, '') = 'no'`;
    case 'flapping':
      return sql`presence.is_flapping = 1`;
    case 'overdue':
      return isOverdueAt(silence);
    default:
      return assertNever(what);
  }
}

/** A hold whose end has passed holds no more, whether or not a tick has cleared it away. */
export function isHeldAt(nowMs: number): Where {
  return sql`devices.held_at_ms is not null and coalesce(devices.held_until_ms, ${nowMs + 1}) > ${nowMs}`;
}

/** One that is silent has no other status. */
export function hasStatus(status: (typeof DEVICE_STATUSES)[number], silence: SilenceRule): Where {
  return status === 'silent' ? isSilentAt(silence) : sql`devices.status = ${status} and not (${isSilentAt(silence)})`;
}

const ORDERS = {
  '=': sql`=`,
  '<': sql`<`,
  '<=': sql`<=`,
  '>': sql`>`,
  '>=': sql`>=`,
} as const satisfies Readonly<Record<Order, unknown>>;

const SEEN_AT = { first: sql`devices.first_seen_at_ms`, last: sql`presence.last_seen_at_ms` } as const;

function textIs({ field, value, isBeginning }: Extract<Condition, { readonly kind: 'text' }>, dialect: Dialect): Where {
  const text = textOf(field, dialect);
  return isBeginning
    ? sql`(substr(${text}, 1, ${sql.lit(Array.from(value).length)}) = ${value}) is true`
    : sql`(${text} = ${value}) is true`;
}

function textOf(field: TextField, dialect: Dialect): RawBuilder<string> {
  switch (field) {
    case 'name':
      return sql`devices.given_key`;
    case 'product':
      return sql`devices.product`;
    case 'chip':
      return sql`devices.chip`;
    case 'address':
      return sql`lower(devices.ip)`;
    case 'library':
      return sql`lower(${attribute('library', dialect, 'text')})`;
    default:
      return assertNever(field);
  }
}

function attribute(name: string, dialect: Dialect, type: 'text' | 'numeric'): RawBuilder<unknown> {
  return dialect === 'postgres'
    ? sql`cast(devices.attributes::json->>${sql.lit(name)} as ${sql.raw(type)})`
    : sql`devices.attributes->>${sql.lit(name)}`;
}

/** One parameter, however many values there are. */
function listed(values: readonly (string | number)[], dialect: Dialect, type: 'text' | 'bigint'): RawBuilder<unknown> {
  const json = JSON.stringify(values);
  return dialect === 'postgres'
    ? sql`(select value::${sql.raw(type)} from json_array_elements_text(${json}::json))`
    : sql`(select value from json_each(${json}))`;
}
