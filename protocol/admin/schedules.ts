// Schedules as operators see and make them. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { MAX_AT_CHARS, MAX_CRON_CHARS, MAX_TIMEZONE_CHARS, MAX_WINDOW_S } from '#protocol/limits.ts';
import { Instant, LabelName, Name, RolloutName } from '#protocol/words.ts';
import { Nullable, oneOf } from './shapes.ts';
import { MISSED_POLICIES, SCHEDULE_ACTIONS } from './states.ts';

export const Schedule = Type.Object(
  {
    name: Name,
    cron: Nullable(Type.String({ examples: ['0 3 * * 2'] }), { description: 'null: it is for one time' }),
    at: Nullable(Type.String({ examples: ['2026-12-24T03:00'] }), {
      description: 'the one time that it is for, in its time zone; null: it goes by its cron line',
    }),
    timezone: Type.String({ examples: ['Europe/Berlin'] }),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Nullable(RolloutName),
    label: Nullable(LabelName),
    from: Nullable(Name, {
      description: 'of a promotion: the stage that it means; null while there is no such rollout',
    }),
    enabled: Type.Boolean({ description: 'false: it does not run, because it was switched off or is done' }),
    missed: oneOf(MISSED_POLICIES),
    grace_s: Type.Integer({ minimum: 0 }),
    duration_s: Nullable(Type.Integer({ minimum: 60 })),
    device_local: Type.Boolean({ description: 'of a window: the hours are those of the day of the device' }),
    source: oneOf(['file', 'api']),
    next_run_at: Nullable(Instant),
    last_run_at: Nullable(Instant),
    last_result: Nullable(Type.String()),
    pending_since: Nullable(Instant, { description: 'of a promotion: since when it waits for the gate of its stage' }),
    done_at: Nullable(Instant, { description: 'its one time, or its stage, is over: it never runs again' }),
  },
  { $id: 'Schedule' },
);
export type Schedule = Static<typeof Schedule>;

export const NewSchedule = Type.Object(
  {
    name: Name,
    cron: Type.Optional(Type.String({ maxLength: MAX_CRON_CHARS, description: 'this, or `at`' })),
    at: Type.Optional(
      Type.String({
        maxLength: MAX_AT_CHARS,
        examples: ['2026-12-24T03:00'],
        description: 'once, at this time of the time zone; with `Z` or an offset, at this instant',
      }),
    ),
    timezone: Type.Optional(Type.String({ maxLength: MAX_TIMEZONE_CHARS })),
    action: oneOf(SCHEDULE_ACTIONS),
    rollout: Type.Optional(RolloutName),
    label: Type.Optional(LabelName),
    from: Type.Optional(
      Type.Unsafe<string>({
        ...Name,
        description:
          'of a promotion: the stage that it means; left out, the one that is open now, of a draft the first',
      }),
    ),
    enabled: Type.Optional(Type.Boolean()),
    missed: Type.Optional(oneOf(MISSED_POLICIES)),
    grace_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800 })),
    duration_s: Type.Optional(Type.Integer({ minimum: 60, maximum: MAX_WINDOW_S })),
    device_local: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type NewSchedule = Static<typeof NewSchedule>;

/** What takes the place of one that is there; whether it is switched on stays, unless it is said. */
export const ChangedSchedule = Type.Omit(NewSchedule, ['name'], { additionalProperties: false });
export type ChangedSchedule = Static<typeof ChangedSchedule>;

/** What a schedule does at an instant to come: its action, or for a window that it opens. */
export const ScheduleRun = Type.Object(
  {
    schedule: Name,
    at: Instant,
    until: Nullable(Instant, { description: 'of a window: when it closes' }),
  },
  { $id: 'ScheduleRun' },
);
export type ScheduleRun = Static<typeof ScheduleRun>;
