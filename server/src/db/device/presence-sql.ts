// How long a board may be silent, as SQL: its limit was found by `silenceLimitS` of the engine when it was last seen, and times in
// which no server was there do not count.

import { sql, type RawBuilder } from 'kysely';
import { overdueLimitS } from '#engine/outcome/rhythm.ts';
import type { Absence } from '#engine/facts/absence.ts';

/** By what silence is measured: `defaultLimitS` for devices of which no limit is kept. */
export interface SilenceRule {
  readonly nowMs: number;
  readonly defaultLimitS: number;
  readonly absences: readonly Absence[];
}

/** Whether the device of a row of `presence` is silent. */
export function isSilentAt(rule: SilenceRule): RawBuilder<boolean> {
  return sql`presence.last_seen_at_ms + ${silenceLimitMs(rule)} + ${absentMs(rule)} < ${rule.nowMs}`;
}

/** Whether its check has not come in time: some way before it is silent (`overdueLimitS` of the engine). */
export function isOverdueAt(rule: SilenceRule): RawBuilder<boolean> {
  const share = sql.lit(overdueLimitS(1));
  return sql`presence.last_seen_at_ms + ${silenceLimitMs(rule)} * ${share} + ${absentMs(rule)} < ${rule.nowMs}`;
}

/** In milliseconds. */
export function silenceLimitMs({ defaultLimitS }: Pick<SilenceRule, 'defaultLimitS'>): RawBuilder<number> {
  return sql<number>`coalesce(presence.limit_s, ${sql.lit(defaultLimitS)}) * 1000`;
}

/** Milliseconds since the board was seen in which no server was there. */
export function absentMs({ absences, nowMs }: Pick<SilenceRule, 'absences' | 'nowMs'>): RawBuilder<number> {
  const parts = absences.map(({ fromMs, toMs }) => {
    const until = sql.lit(Math.min(toMs, nowMs));
    return sql`case when presence.last_seen_at_ms >= ${until} then 0
      when presence.last_seen_at_ms > ${sql.lit(fromMs)} then ${until} - presence.last_seen_at_ms
      else ${sql.lit(Math.min(toMs, nowMs) - fromMs)} end`;
  });
  return parts.length === 0 ? sql<number>`0` : sql<number>`(${sql.join(parts, sql` + `)})`;
}
