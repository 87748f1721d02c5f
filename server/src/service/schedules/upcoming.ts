// What schedules do in the days to come, of those that are there and of one that somebody thinks of. Reads, and changes nothing.

import { setImmediate as turn } from 'node:timers/promises';
import type { ScheduleRun } from '#protocol/admin/schedules.ts';
import { MAX_SCHEDULE_RUNS, SCHEDULE_DAYS } from '#protocol/limits.ts';
import { listEnabled } from '#server/db/schedules/schedules.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant } from '#server/time/instant.ts';
import { nextScheduledMs, type ScheduleTime } from '#server/time/schedule-time.ts';
import { refuseOverSpec } from './schedules.ts';
import { readSpec } from './spec.ts';

interface Upcoming {
  readonly items: ScheduleRun[];
}

export async function getScheduleRuns(deps: Deps, nowMs: number): Promise<Upcoming> {
  const items: ScheduleRun[] = [];
  for (const row of await listEnabled(deps.database.read)) {
    items.push(...runsOf({ ...row, durationMs: row.duration_ms }, nowMs));
    // A cron line is some work: others have their turn between two of them.
    await turn();
  }
  return { items: items.toSorted((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0)) };
}

/** A time that somebody thinks of. */
interface AskedTime {
  readonly cron?: string;
  readonly at?: string;
  readonly timezone?: string;
  /** In seconds: the time is that of a window. */
  readonly duration_s?: string;
}

/** Throws what `createSchedule` throws for what is wrong with its time. */
export function previewSchedule({ duration_s: duration, ...time }: AskedTime, nowMs: number): Upcoming {
  // What has a time alone is judged as any schedule with that time.
  const spec = readSpec({
    ...time,
    name: 'new',
    ...(duration === undefined
      ? { action: 'pause', rollout: 'any' }
      : { action: 'window', duration_s: Number(duration) }),
  });
  refuseOverSpec(spec, nowMs);
  return { items: [...runsOf(spec, nowMs)] };
}

interface Timed extends ScheduleTime {
  readonly name: string;
  readonly durationMs: number | null;
}

/** A window that is open now is the first. */
function runsOf(schedule: Timed, nowMs: number): readonly ScheduleRun[] {
  const { name, durationMs } = schedule;
  const endMs = nowMs + SCHEDULE_DAYS * 86_400_000;
  const runs: ScheduleRun[] = [];
  let atMs = nextScheduledMs(schedule, nowMs - (durationMs ?? 0));
  while (atMs !== undefined && atMs < endMs && runs.length < MAX_SCHEDULE_RUNS) {
    runs.push({
      schedule: name,
      at: toInstant(atMs),
      until: durationMs === null ? null : toInstant(atMs + durationMs),
    });
    atMs = nextScheduledMs(schedule, atMs);
  }
  return runs;
}
