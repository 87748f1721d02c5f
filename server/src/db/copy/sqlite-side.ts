// A SQLite file as one side of a copy, and the tables that such a file has.

import { type DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type CopiedTable, type Row, ROWS_AT_ONCE, type RowTarget, type Value } from './tables.ts';

/** Made by the migrations themselves, on either side. */
const OF_MIGRATIONS = 'schema_version';

/** In an order in which each refers to earlier ones only. */
export function listTables(file: DatabaseSync): readonly CopiedTable[] {
  const found = file
    .prepare(`select name, sql from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'`)
    .all()
    .map((row) => ({ name: String(row['name']), text: String(row['sql']) }))
    .filter(({ name }) => name !== OF_MIGRATIONS);
  const tables = new Map(found.map(({ name, text }) => [name, describe(file, name, text)]));
  const ordered = new Map<string, CopiedTable>();
  const add = (name: string): void => {
    const table = tables.get(name);
    if (table === undefined || ordered.has(name)) return;
    for (const { table: other } of file.prepare(`pragma foreign_key_list(${quoted(name)})`).all())
      if (other !== name) add(String(other));
    ordered.set(name, table);
  };
  for (const name of [...tables.keys()].toSorted()) add(name);
  return [...ordered.values()];
}

function describe(file: DatabaseSync, name: string, text: string): CopiedTable {
  const columns = file.prepare(`pragma table_info(${quoted(name)})`).all();
  const key = columns.find(({ pk }) => pk === 1);
  return {
    name,
    columns: columns.map((column) => String(column['name'])).toSorted(),
    numbered: /autoincrement/i.test(text) ? String(key?.['name']) : undefined,
  };
}

/** How many steps of the migrations it has seen; 0: it is no database of Otter. */
export function schemaOf(file: DatabaseSync): number {
  const has = file.prepare(`select 1 from sqlite_master where type = 'table' and name = ?`).get(OF_MIGRATIONS);
  if (has === undefined) return 0;
  return Number(file.prepare(`select max(version) as version from ${OF_MIGRATIONS}`).get()?.['version'] ?? 0);
}

/** Rows are read in one state of the file only inside of a transaction; the caller opens it. */
export function sqliteSide(file: DatabaseSync): RowTarget {
  return {
    rows: (table) => rowsOf(file, table),
    lastNumber: async ({ name }) =>
      Number(file.prepare('select seq from sqlite_sequence where name = ?').get(name)?.['seq'] ?? 0),
    clear: async ({ name }) => file.exec(`delete from ${quoted(name)}`),
    add: async ({ name, columns }, rows) => {
      const places = columns.map(() => '?').join(', ');
      const add = file.prepare(`insert into ${quoted(name)} (${columns.map(quoted).join(', ')}) values (${places})`);
      for (const row of rows) add.run(...row);
    },
    setLastNumber: async ({ name }, lastNumber) => {
      file.prepare('delete from sqlite_sequence where name = ?').run(name);
      file.prepare('insert into sqlite_sequence (name, seq) values (?, ?)').run(name, lastNumber);
    },
  };
}

async function* rowsOf(file: DatabaseSync, { name, columns }: CopiedTable): AsyncIterable<readonly Row[]> {
  const statement = file.prepare(`select ${columns.map(quoted).join(', ')} from ${quoted(name)}`);
  let rows: Row[] = [];
  for (const found of statement.iterate()) {
    rows.push(columns.map((column) => plain(found[column], name, column)));
    if (rows.length < ROWS_AT_ONCE) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

function plain(value: SQLOutputValue | undefined, table: string, column: string): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  throw new TypeError(`a ${typeof value} in ${table}.${column}: rows hold text, numbers and null`);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
