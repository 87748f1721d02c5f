// What a copy is made of: tables with their columns, rows as plain values, and a sum by which two tables are compared.

import { createHash } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';

export type Value = string | number | null;
/** In the order of the columns of its table. */
export type Row = readonly Value[];

export interface CopiedTable {
  readonly name: string;
  /** Sorted by name: two databases may have added them in another order. */
  readonly columns: readonly string[];
  /** The column whose numbers are never used twice; undefined: there is none. */
  readonly numbered: string | undefined;
}

/** Where rows come from. */
export interface RowSource {
  readonly rows: (table: CopiedTable) => AsyncIterable<readonly Row[]>;
  /** The last number that was given in its numbered column, also to rows that are gone. */
  readonly lastNumber: (table: CopiedTable) => Promise<number>;
}

/** Where they go; it can be read, too. */
export interface RowTarget extends RowSource {
  readonly clear: (table: CopiedTable) => Promise<void>;
  readonly add: (table: CopiedTable, rows: readonly Row[]) => Promise<void>;
  readonly setLastNumber: (table: CopiedTable, lastNumber: number) => Promise<void>;
}

/** How many rows go at a time. */
export const ROWS_AT_ONCE = 1_000;

/** What a table holds: the same for the same rows, whatever their order. */
export interface TableSum {
  readonly table: string;
  readonly rows: number;
  /** XOR of the SHA-256 of every row. Rows differ by their key, so no two of them cancel each other. */
  readonly digest: string;
}

export interface CopyOptions {
  /** Told before each table. */
  readonly onTable?: (table: string, done: number, all: number) => void;
  /** Asked between rows; it throws to stop. */
  readonly check?: () => void;
}

/**
 * Puts all rows of `source` into `target`, in place of those that are there, and compares every table. `tables` come in an order
 * in which each refers to earlier ones only. Throws `internal` where a table differs afterwards.
 */
export async function copyRows(
  source: RowSource,
  target: RowTarget,
  tables: readonly CopiedTable[],
  { onTable = () => undefined, check = () => undefined }: CopyOptions = {},
): Promise<readonly TableSum[]> {
  for (const table of tables.toReversed()) await target.clear(table);
  const sums: TableSum[] = [];
  for (const [index, table] of tables.entries()) {
    onTable(table.name, index, tables.length);
    const sum = new RowSum();
    for await (const rows of source.rows(table)) {
      check();
      for (const row of rows) sum.add(row);
      await target.add(table, rows);
    }
    if (table.numbered !== undefined) await target.setLastNumber(table, await source.lastNumber(table));
    const wanted = sum.of(table);
    const found = await sumOf(target, table, check);
    if (found.rows !== wanted.rows || found.digest !== wanted.digest) throw differs(wanted, found);
    sums.push(wanted);
  }
  return sums;
}

/** Reads the whole table. */
export async function sumOf(source: RowSource, table: CopiedTable, check = (): void => undefined): Promise<TableSum> {
  const sum = new RowSum();
  for await (const rows of source.rows(table)) {
    check();
    for (const row of rows) sum.add(row);
  }
  return sum.of(table);
}

class RowSum {
  #rows = 0;
  readonly #digest = Buffer.alloc(32);

  add(row: Row): void {
    const digest = createHash('sha256').update(JSON.stringify(row)).digest();
    for (let at = 0; at < digest.length; at += 1) this.#digest[at] = (this.#digest[at] ?? 0) ^ (digest[at] ?? 0);
    this.#rows += 1;
  }

  of({ name }: CopiedTable): TableSum {
    return { table: name, rows: this.#rows, digest: this.#digest.toString('hex') };
  }
}

function differs(wanted: TableSum, found: TableSum): OtterError {
  return new OtterError(
    'internal',
    `the copy of table ${wanted.table} differs: ${found.rows} rows (${found.digest.slice(0, 12)}), not ${wanted.rows} (${wanted.digest.slice(0, 12)})`,
    'nothing was kept of the copy; please report this',
  );
}
