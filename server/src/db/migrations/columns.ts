// What columns of every step have in common.

import type { ColumnDefinitionBuilder } from 'kysely';
import type { Dialect } from '#server/db/database.ts';

export const withDefault = (value: string | number) => (column: ColumnDefinitionBuilder) =>
  column.notNull().defaultTo(value);

export const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();

/** A key that is never used twice, even after a delete: an old assignment id must not name a new assignment. */
export function identity(
  dialect: Dialect,
): ['integer' | 'bigint', (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder] {
  return dialect === 'postgres'
    ? ['bigint', (c) => c.generatedByDefaultAsIdentity().primaryKey()]
    : ['integer', (c) => c.autoIncrement().primaryKey()];
}
