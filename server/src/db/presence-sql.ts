// How long a board may be silent, as SQL: three times the larger of the interval it was told and its own usual gap, as stored
// with its presence; times in which no server was there do not count.

import { sql, type RawBuilder } from 'kysely';
import type { Absence } from '#engine/facts/absence.ts';

/** In milliseconds; the default for boards that were not seen since this is stored. */
export function silenceLimitMs(defaultMs: number): RawBuilder<number> {
  return sql<number>`coalesce(presence.interval_s * 3000, ${sql.lit(defaultMs)})`;
}

/** Milliseconds since the board was seen in which no server was there. */
export function absentMs(absences: readonly Absence[], nowMs: number): RawBuilder<number> {
  const parts = absences.map(({ fromMs, toMs }) => {
    const until = sql.lit(Math.min(toMs, nowMs));
    return sql`case when presence.last_seen_at_ms >= ${until} then 0
      when presence.last_seen_at_ms > ${sql.lit(fromMs)} then ${until} - presence.last_seen_at_ms
      else ${sql.lit(Math.min(toMs, nowMs) - fromMs)} end`;
  });
  return parts.length === 0 ? sql<number>`0` : sql<number>`(${sql.join(parts, sql` + `)})`;
}
