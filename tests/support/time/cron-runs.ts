// When the server would run a cron line: one next run after the other.

import { nextRunMs } from '#server/time/cron.ts';

/** The instants (UTC milliseconds) in [fromMs, toMs). */
export function listRuns(
  line: { readonly cron: string; readonly timezone: string },
  fromMs: number,
  toMs: number,
): readonly number[] {
  const runs: number[] = [];
  let runMs = nextRunMs(line, fromMs - 1);
  while (runMs !== undefined && runMs < toMs) {
    runs.push(runMs);
    runMs = nextRunMs(line, runMs);
  }
  return runs;
}
