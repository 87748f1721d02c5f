// A PostgreSQL, inside of one transaction, as one side of a copy.

import { sql } from 'kysely';
import type { Trx } from '#server/db/schema.ts';
import { quoted } from './sqlite-side.ts';
import { type CopiedTable, type Row, ROWS_AT_ONCE, type RowTarget, type Value } from './tables.ts';

export function postgresSide(trx: Trx): RowTarget {
  return {
    rows: (table) => rowsOf(trx, table),
    lastNumber: async (table) => {
      const { rows } = await sql<{
        readonly last: number;
      }>`select case when is_called then last_value else 0 end as last from ${sql.raw(await sequenceOf(trx, table))}`.execute(
        trx,
      );
      return rows[0]?.last ?? 0;
    },
    clear: async ({ name }) => void (await sql`delete from ${sql.table(name)}`.execute(trx)),
    add: async ({ name, columns }, rows) => {
      const objects = rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at] ?? null])));
      const names = sql.raw(columns.map(quoted).join(', '));
      // The types are those of the table itself.
      await sql`insert into ${sql.table(name)} (${names})
        select ${names} from json_populate_recordset(null::${sql.table(name)}, ${JSON.stringify(objects)}::json)`.execute(
        trx,
      );
    },
    setLastNumber: async (table, lastNumber) => {
      const sequence = await sequenceOf(trx, table);
      await sql`select setval(${sequence}::regclass, greatest(${lastNumber}::bigint, 1), ${lastNumber}::bigint > 0)`.execute(
        trx,
      );
    },
  };
}

async function sequenceOf(trx: Trx, { name, numbered = '' }: CopiedTable): Promise<string> {
  const { rows } = await sql<{
    readonly name: string | null;
  }>`select pg_get_serial_sequence(quote_ident(${name}), ${numbered}) as name`.execute(trx);
  const found = rows[0]?.name;
  if (found === undefined || found === null) throw new TypeError(`${name}.${numbered} has no sequence`);
  return found;
}

/** Through a cursor, so that a large table never lies in memory whole. */
async function* rowsOf(trx: Trx, { name, columns }: CopiedTable): AsyncIterable<readonly Row[]> {
  const names = sql.raw(columns.map(quoted).join(', '));
  await sql`declare rows_to_copy no scroll cursor for select ${names} from ${sql.table(name)}`.execute(trx);
  try {
    for (;;) {
      const { rows } = await sql<
        Record<string, Value>
      >`fetch ${sql.raw(String(ROWS_AT_ONCE))} from rows_to_copy`.execute(trx);
      if (rows.length > 0) yield rows.map((row) => columns.map((column) => row[column] ?? null));
      if (rows.length < ROWS_AT_ONCE) return;
    }
  } finally {
    await sql`close rows_to_copy`.execute(trx);
  }
}

/** Which of these tables, and that of the migrations, are in the schema that the connection uses. */
export async function listStored(trx: Trx, names: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql<{
    readonly name: string;
  }>`select relname as name from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace`.execute(
    trx,
  );
  const ours = new Set([...names, 'schema_version']);
  return rows.map(({ name }) => name).filter((name) => ours.has(name));
}

/** One of them has a row as soon as anything was done. */
const FILLED_BY_USE = ['devices', 'firmware', 'rollouts', 'plans', 'audit', 'events', 'schedules', 'saved_queries'];

/** The first table that holds what a board, a person or a schedule put there; undefined: all is as a new server makes it. */
export async function findFilled(trx: Trx): Promise<string | undefined> {
  for (const name of await listStored(trx, FILLED_BY_USE)) {
    if (name === 'schema_version') continue;
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(trx);
    if (rows.length > 0) return name;
  }
  return undefined;
}

/** Moves the tables, with their indexes and sequences, into a schema of this name, where nobody looks. */
export async function moveAside(trx: Trx, stored: readonly string[], schema: string): Promise<void> {
  if (stored.length === 0) return;
  await sql`create schema ${sql.id(schema)}`.execute(trx);
  for (const name of stored) await sql`alter table ${sql.table(name)} set schema ${sql.id(schema)}`.execute(trx);
}

/** Only for tables in which `findFilled` finds nothing. */
export async function dropUnused(trx: Trx, stored: readonly string[]): Promise<void> {
  if (stored.length === 0) return;
  await sql`drop table ${sql.join(stored.map((name) => sql.table(name)))}`.execute(trx);
}

/** Other connections to this database of this name; `otter` is a server that runs. */
export async function countConnections(trx: Trx, name: string): Promise<number> {
  const { rows } = await sql<{ readonly count: number }>`
    select count(*) as count from pg_stat_activity
    where datname = current_database() and application_name = ${name} and pid <> pg_backend_pid()`.execute(trx);
  return rows[0]?.count ?? 0;
}
