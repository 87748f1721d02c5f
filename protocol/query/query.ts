// What a query says, as values: conditions on one device, joined by `and`, `or` and `not`. Every condition is true or false of
// every device; one about something that a device never said is false, so its negation is true.

import type { DEVICE_STATUSES } from '#protocol/admin/states.ts';
import type { DeviceId } from '#protocol/identity.ts';

export type Order = '=' | '<' | '<=' | '>' | '>=';

export type Query =
  | Condition
  | { readonly kind: 'and'; readonly parts: readonly Query[] }
  | { readonly kind: 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query };

export type Condition =
  | {
      readonly kind: 'text';
      readonly field: TextField;
      /** Of name, library and address in lower case: they are compared so. */
      readonly value: string;
      /** The value was written with a star at its end. */
      readonly isBeginning: boolean;
    }
  /** Canonical, as far as it goes: `24:6f:2`. */
  | { readonly kind: 'mac'; readonly beginning: string }
  | { readonly kind: 'id'; readonly id: DeviceId }
  | { readonly kind: 'version'; readonly order: Order; readonly version: string }
  | { readonly kind: 'chip_revision'; readonly order: Order; readonly revision: number }
  /** One that the device says it knows. */
  | { readonly kind: 'release_key'; readonly keyId: string }
  | { readonly kind: 'status'; readonly status: (typeof DEVICE_STATUSES)[number] }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'is'; readonly what: 'held' | 'test' | 'flapping' | 'overdue' }
  /** One that is kept by this name; `position` is where it is written. */
  | { readonly kind: 'saved'; readonly name: string; readonly position: number }
  | { readonly kind: 'known_bad'; readonly version: string }
  | { readonly kind: 'seen'; readonly which: SeenField; readonly withinS: number }
  /** `instant` is ISO 8601 in UTC. */
  | { readonly kind: 'seen_at'; readonly which: SeenField; readonly order: '<' | '>'; readonly instant: string };

export type TextField = 'name' | 'product' | 'chip' | 'library' | 'address';

/** The first check-in of a device, or its last. */
export type SeenField = 'first' | 'last';

/** Every condition of the query, in the order in which it is written. */
export function conditionsOf(query: Query): readonly Condition[] {
  if (query.kind === 'and' || query.kind === 'or') return query.parts.flatMap(conditionsOf);
  return query.kind === 'not' ? conditionsOf(query.part) : [query];
}

/** With this in the place of every saved query. */
export function withSaved(
  query: Query,
  meaningOf: (saved: Extract<Condition, { readonly kind: 'saved' }>) => Query,
): Query {
  if (query.kind === 'and') return { kind: 'and', parts: query.parts.map((part) => withSaved(part, meaningOf)) };
  if (query.kind === 'or') return { kind: 'or', parts: query.parts.map((part) => withSaved(part, meaningOf)) };
  if (query.kind === 'not') return { kind: 'not', part: withSaved(query.part, meaningOf) };
  return query.kind === 'saved' ? meaningOf(query) : query;
}
