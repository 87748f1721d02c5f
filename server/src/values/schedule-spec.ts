// A schedule as people write it, in the file or through the API, once it was read: what the services store.

import type { MISSED_POLICIES, SCHEDULE_ACTIONS } from '#protocol/admin/states.ts';
import type { ScheduleTime } from '#server/time/schedule-time.ts';

export interface ScheduleSpec extends ScheduleTime {
  readonly name: string;
  readonly action: (typeof SCHEDULE_ACTIONS)[number];
  /** Null: a window for all of them. */
  readonly rollout: string | null;
  /** Only devices with this label; null: all. */
  readonly label: string | null;
  /** Of a promotion, where it is said: the stage that it means. Null: the one that is open when it is taken in, of a draft the first. */
  readonly from: string | null;
  readonly enabled: boolean;
  /** A run that fell into a time when no server was running: done once at the next start, or left out. */
  readonly missed: (typeof MISSED_POLICIES)[number];
  /** How late a missed run may still be done. */
  readonly graceMs: number;
  /** Of a window, which is open from the cron time on, for so long. */
  readonly durationMs: number | null;
  /** Of a window: the hours are those of the day of the device. */
  readonly deviceLocal: boolean;
}

export const DEFAULT_GRACE_S = 3_600;
