// Instants that a clock which ran ahead has left in the future. They become now, a bounded number of rows with each call; who
// calls knows that the clock has come back. What tells a story (events, audit, log) keeps its instants, and so do the times
// of labels and stages, which are compared with one another.

import { sql } from 'kysely';
import { SET_RIGHT_ROWS } from '#protocol/limits.ts';
import type { Schema, Trx } from '#server/db/schema.ts';

/** Columns by table and key: every instant that is compared with the clock. */
const INSTANTS = [
  { table: 'presence', key: 'device_id', columns: ['last_seen_at_ms'] },
  { table: 'devices', key: 'id', columns: ['first_seen_at_ms', 'shared_mac_at_ms', 'reports_differ_at_ms'] },
  {
    table: 'assignments',
    key: 'id',
    columns: [
      'offered_at_ms',
      'updated_at_ms',
      'exposed_at_ms',
      'confirmed_at_ms',
      'healthy_at_ms',
      'crashed_at_ms',
      'lost_at_ms',
      'moved_on_at_ms',
    ],
  },
  { table: 'rollouts', key: 'id', columns: ['started_at_ms', 'resumed_at_ms', 'counts_before_ms'] },
] as const satisfies readonly Instants[];

type Instants = {
  readonly [Table in keyof Schema]: {
    readonly table: Table;
    readonly key: keyof Schema[Table];
    readonly columns: readonly (keyof Schema[Table])[];
  };
}[keyof Schema];

export type TimedTable = (typeof INSTANTS)[number]['table'];
export const TIMED_TABLES: readonly TimedTable[] = INSTANTS.map(({ table }) => table);

/** Sets instants of this table that are later than `laterThanMs` to `nowMs`. Resolves with whether there may be more of them. */
export async function clampFutureTimes(
  trx: Trx,
  table: TimedTable,
  { laterThanMs, nowMs }: { readonly laterThanMs: number; readonly nowMs: number },
): Promise<boolean> {
  const of = INSTANTS.find((one) => one.table === table);
  if (of === undefined) return false;
  const isLater = sql.join(
    of.columns.map((column) => sql`${sql.ref(column)} > ${laterThanMs}`),
    sql` or `,
  );
  const clamped = sql.join(
    of.columns.map(
      (column) =>
        sql`${sql.ref(column)} = case when ${sql.ref(column)} > ${laterThanMs} then cast(${nowMs} as bigint) else ${sql.ref(column)} end`,
    ),
  );
  const { numAffectedRows } = await sql`update ${sql.table(table)} set ${clamped} where ${sql.ref(of.key)} in
    (select ${sql.ref(of.key)} from ${sql.table(table)} where ${isLater} limit ${SET_RIGHT_ROWS})`.execute(trx);
  return (numAffectedRows ?? 0n) >= BigInt(SET_RIGHT_ROWS);
}

/** The end of a watch lies in the future, but never further than the watch is long. */
export async function clampWatches(
  trx: Trx,
  {
    laterThanMs,
    nowMs,
    defaultWatchS,
  }: { readonly laterThanMs: number; readonly nowMs: number; readonly defaultWatchS: number },
): Promise<void> {
  const lengthMs = sql<number>`coalesce(watch_s, ${sql.lit(defaultWatchS)}) * ${sql.lit(1000)}`;
  await trx
    .updateTable('rollouts')
    .set({ watch_until_ms: sql<number>`cast(${nowMs} as bigint) + ${lengthMs}` })
    .where('watch_until_ms', '>', sql<number>`cast(${laterThanMs} as bigint) + ${lengthMs}`)
    .execute();
}
