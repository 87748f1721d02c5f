// The silence of the boards of a product since some of a rollout fell silent, or ran out of their trial. What the counts mean stands in
// engine/stage/silence.ts.

import { atKey } from '#server/db/fleet/device-names.ts';
import { type RawBuilder, sql } from 'kysely';
import { SILENT_POLLS } from '#protocol/limits.ts';
import { type Heard, LATE_FACTOR, LATE_GRACE_MS } from '#engine/stage/silence.ts';
import { absentMs, silenceLimitMs, type SilenceRule } from '#server/db/device/presence-sql.ts';
import type { Reader } from '#server/db/schema.ts';

/** Of which boards of a stage an instant is asked for. */
interface StageKey {
  readonly rolloutId: number;
  readonly stageId: number;
}

/** When half of the boards of a stage that are lost had been heard of last; undefined: none of them is there. */
export async function findLastHeardOfLost(db: Reader, stage: StageKey): Promise<number | undefined> {
  return medianInstant(db, stage, { instant: sql.ref('presence.last_seen_at_ms'), is: sql`outcome = 'lost'` });
}

/** Since when half of the boards of a stage whose trial ran out had the build; undefined: none of them is there. */
export async function findLastRanOut(db: Reader, stage: StageKey): Promise<number | undefined> {
  const is = sql`outcome = 'failed' and mark = 'ran_out'`;
  return medianInstant(db, stage, { instant: sql.ref('assignments.ran_out_since_ms'), is });
}

/** The instant of the one at the place that `medianOf` says (engine/stage/silence.ts), among those that count. */
async function medianInstant(
  db: Reader,
  { rolloutId, stageId }: StageKey,
  { instant, is }: { readonly instant: RawBuilder<unknown>; readonly is: RawBuilder<unknown> },
): Promise<number | undefined> {
  const { rows } = await sql<{ readonly at: number }>`select at from (
      select ${instant} as at, row_number() over (order by ${instant}) as place, count(*) over () as boards
      from assignments join presence on presence.device_id = assignments.device_id
      where rollout_id = ${rolloutId} and stage_id = ${stageId} and is_latest = 1 and is_rollback = 0
        and ${is} and counted is null and acknowledged = 0
    ) as ranked where place = boards / 2 + 1`.execute(db);
  return rows[0]?.at;
}

export interface SilenceQuestion {
  readonly product: string;
  readonly rolloutId: number;
  readonly lastHeardAtMs: number;
  readonly stageOpenedAtMs: number;
  readonly silence: SilenceRule;
}

/** Whoever was turned away is silent for that. */
const MAY_SPEAK = sql<boolean>`not exists (select 1 from identities i
  where i.kind = 'mac' and i.name = devices.first_name and i.revoked_at_ms is not null)`;

export interface SilenceCounts {
  readonly without: Heard;
  readonly all: Heard;
  readonly everyone: Heard;
  /** Of the boards without the build: seen since the stage opened, and silent now among those. */
  readonly seen: number;
  readonly silent: number;
}

/** What `silenceOf` counts (`engine/stage/silence.ts`), of the devices whose key is above `afterId` and at most `untilId`. */
export async function countSilence(
  db: Reader,
  ask: SilenceQuestion,
  range: { readonly afterId: number; readonly untilId: number },
): Promise<SilenceCounts> {
  const { lastHeardAtMs: at, silence } = ask;
  const { nowMs } = silence;
  const limit = silenceLimitMs(silence);
  const absent = absentMs(silence);
  const seen = sql`presence.last_seen_at_ms`;
  const due = sql`(${seen} + ${limit} / ${sql.lit(SILENT_POLLS)} * ${sql.lit(LATE_FACTOR)} + ${sql.lit(LATE_GRACE_MS)} + ${absent})`;
  // `hearingOf`: one that is back since then was silent as they are.
  const isBack = sql`coalesce(presence.back_at_ms, 0) > ${at}`;
  const wasThere = sql`${seen} + ${limit} + ${absent} >= ${at}`;
  const isWithout = sql`not exists (select 1 from assignments a where a.device_id = devices.id
    and a.rollout_id = ${ask.rolloutId} and a.is_rollback = 0 and a.exposed_at_ms is not null)`;
  const isWitness = sql`not exists (select 1 from assignments a where a.device_id = devices.id
    and a.rollout_id = ${ask.rolloutId} and a.is_latest = 1 and a.outcome = 'lost' and a.confirmed_at_ms is null)`;
  const overdue = sql`(${isBack} or (${wasThere} and ${due} < ${nowMs}))`;
  const alive = sql`(not ${isBack} and ${wasThere} and ${due} >= ${nowMs} and ${seen} >= ${at})`;
  const notDue = sql`(not ${isBack} and ${wasThere} and ${due} >= ${nowMs} and ${seen} < ${at})`;
  const count = (condition: ReturnType<typeof sql>) =>
    sql<number>`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`;
  // Kept apart, so that each board is looked at once and not for each of the sums.
  const row = await db
    .with(
      (cte) => cte('boards').materialized(),
      (inner) =>
        inner
          .selectFrom('devices')
          .innerJoin('presence', 'presence.device_id', 'devices.id')
          .select([
            sql<number>`case when ${isWithout} then 1 else 0 end`.as('is_without'),
            sql<number>`case when ${isWitness} then 1 else 0 end`.as('is_witness'),
            sql<number>`case when ${alive} then 1 else 0 end`.as('is_alive'),
            sql<number>`case when ${overdue} then 1 else 0 end`.as('is_overdue'),
            sql<number>`case when ${notDue} then 1 else 0 end`.as('is_not_due'),
            sql<number>`case when ${seen} >= ${ask.stageOpenedAtMs} then 1 else 0 end`.as('is_seen'),
            sql<number>`case when ${seen} + ${limit} + ${absent} < ${nowMs} then 1 else 0 end`.as('is_silent'),
          ])
          .where('devices.product', '=', ask.product)
          .where(MAY_SPEAK)
          .where('devices.id', '>', atKey(range.afterId))
          .where('devices.id', '<=', atKey(range.untilId)),
    )
    .selectFrom('boards')
    .select([
      count(sql`is_without = 1 and is_alive = 1`).as('without_alive'),
      count(sql`is_without = 1 and is_overdue = 1`).as('without_overdue'),
      count(sql`is_without = 1 and is_not_due = 1`).as('without_not_due'),
      count(sql`is_witness = 1 and is_alive = 1`).as('all_alive'),
      count(sql`is_witness = 1 and is_overdue = 1`).as('all_overdue'),
      count(sql`is_witness = 1 and is_not_due = 1`).as('all_not_due'),
      count(sql`is_alive = 1`).as('everyone_alive'),
      count(sql`is_overdue = 1`).as('everyone_overdue'),
      count(sql`is_not_due = 1`).as('everyone_not_due'),
      count(sql`is_without = 1 and is_seen = 1`).as('seen'),
      count(sql`is_without = 1 and is_seen = 1 and is_silent = 1`).as('silent'),
    ])
    .executeTakeFirstOrThrow();
  return {
    without: {
      alive: row.without_alive,
      overdue: row.without_overdue,
      notDue: row.without_not_due,
    },
    all: { alive: row.all_alive, overdue: row.all_overdue, notDue: row.all_not_due },
    everyone: { alive: row.everyone_alive, overdue: row.everyone_overdue, notDue: row.everyone_not_due },
    seen: row.seen,
    silent: row.silent,
  };
}
