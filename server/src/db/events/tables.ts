// The tables of events, of those who are told of them, and of the audit; the others are in `db/schema.ts`.

import type { Generated } from 'kysely';
import type { EventType } from '#protocol/admin/events.ts';
import type { DeviceId } from '#protocol/identity.ts';

export interface AuditTable {
  readonly id: Generated<number>;
  readonly at_ms: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details: string;
  /** Its place in the chain: one more than that of the entry before. */
  readonly number: number;
  /** Over the hash of the entry before and all of the above but the id. */
  readonly hash: string;
}

/** One row: the end of the chain, and where it begins since older entries were removed. */
export interface AuditChainTable {
  readonly id: number;
  /** How many entries there ever were. */
  readonly last_number: number;
  /** Of the last entry that was removed; 0: none was. */
  readonly checkpoint_number: number;
  readonly checkpoint_hash: string;
  readonly checkpoint_at_ms: number | null;
}

/** Append-only, as a reader gets it: names instead of keys, so that an event says the same for ever. */
export interface EventsTable {
  readonly id: Generated<number>;
  /** The transaction that wrote it, on PostgreSQL; 0 on SQLite. Order and cursor are (tx, id). */
  readonly tx: Generated<number>;
  readonly at_ms: number;
  readonly type: EventType;
  readonly product: string;
  /** Both empty: it is of a device or a product. */
  readonly rollout: string;
  readonly version: string;
  readonly stage: string | null;
  /** Of an assignment: the device, and its first name then. */
  readonly device_id: DeviceId | null;
  readonly mac: string | null;
  /** What an operator called it then. */
  readonly given_name: Generated<string | null>;
  readonly assignment_id: number | null;
  /** Status of the rollout or state of the assignment before. */
  readonly from_state: string | null;
  /** JSON. */
  readonly data: string;
}

/** How far each webhook of the configuration has been told, and which server process is at it. */
export interface WebhooksTable {
  readonly name: string;
  readonly after_tx: number;
  readonly after_id: number;
  /** Failures in a row. */
  readonly failures: number;
  readonly failing_since_ms: number | null;
  readonly last_error: string | null;
  readonly next_try_at_ms: number;
  readonly leased_until_ms: number;
  /** Which claim it is, so that one that took too long does not undo the next. */
  readonly lease: string | null;
}

/** What is wrong with images and servers now. */
export interface TroublesTable {
  readonly key: string;
  readonly product: string;
  readonly version: string;
  /** JSON. */
  readonly data: string;
  /** The event that tells its end; null: none does. */
  readonly ends: Extract<EventType, `image.${string}` | `server.${string}`> | null;
  readonly since_ms: number;
}
