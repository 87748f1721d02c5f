// The clock ran ahead for a while and has come back: instants that were stored meanwhile are still to come, and a board that
// was "seen" then would not be silent before that. They are set to now.

import { CLOCK_STEP_MS, DEFAULT_WATCH_S } from '#protocol/limits.ts';
import { clampFutureTimes, clampWatches, TIMED_TABLES } from '#server/db/time/future-times.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import type { Deps } from '#server/service/deps.ts';

/** Each batch in a transaction of its own: a fleet of 100 000 boards does not hold up those that ask meanwhile. */
export async function setFutureTimesRight({ database, presence }: Deps, nowMs: number): Promise<void> {
  // What is still in memory would be written later, with the instant from then.
  await presence.flush();
  const at = { laterThanMs: nowMs + CLOCK_STEP_MS, nowMs };
  for (const table of TIMED_TABLES) while (await database.write(async (trx) => clampFutureTimes(trx, table, at)));
  await database.write(async (trx) => {
    await clampWatches(trx, { ...at, defaultWatchS: DEFAULT_WATCH_S });
    await raiseRevision(trx);
  });
}
