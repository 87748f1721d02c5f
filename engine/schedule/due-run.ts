// Whether a scheduled run that is due is done now: on time, late but within its grace, or left out.

import type { MissedPolicy } from '#engine/facts/model.ts';

/** A tick comes every few seconds; a run found later than this was missed while no server was up. */
export const ON_TIME_MS = 60_000;

export type DueRun = 'run' | 'run_late' | 'skip';

export function judgeDueRun(
  run: { readonly dueMs: number; readonly missed: MissedPolicy; readonly graceMs: number },
  nowMs: number,
): DueRun {
  const lateMs = nowMs - run.dueMs;
  if (lateMs <= ON_TIME_MS) return 'run';
  return run.missed === 'run_once' && lateMs <= run.graceMs ? 'run_late' : 'skip';
}
