// Schedules.

import { Type } from 'typebox';
import { ChangedSchedule, NewSchedule, Schedule, ScheduleRun } from '#protocol/admin/schedules.ts';
import { MAX_AT_CHARS, MAX_CRON_CHARS, MAX_SCHEDULE_RUNS, SCHEDULE_DAYS } from '#protocol/limits.ts';
import { strict, ref, paging, page, named, timezone, route } from './route.ts';

export const scheduleRoutes = {
  listSchedules: route('GET', '/schedules', 'Schedules; sort by name', page(ref(Schedule)), {
    query: Type.Object(paging, strict),
  }),
  createSchedule: route('POST', '/schedules', 'Create a schedule', ref(Schedule), { body: NewSchedule, status: 201 }),
  getScheduleRuns: route(
    'GET',
    '/schedules/runs',
    `What schedules that are switched on do in the next ${SCHEDULE_DAYS} days, the first first; of one schedule at most ${MAX_SCHEDULE_RUNS} runs`,
    Type.Object({ items: Type.Array(ref(ScheduleRun)) }),
  ),
  previewSchedule: route(
    'GET',
    '/schedules/preview',
    `When a schedule with this time would run in the next ${SCHEDULE_DAYS} days; what is wrong with the time is said`,
    Type.Object({ items: Type.Array(ref(ScheduleRun)) }),
    {
      query: Type.Object(
        {
          cron: Type.Optional(Type.String({ maxLength: MAX_CRON_CHARS, description: 'this, or `at`' })),
          at: Type.Optional(Type.String({ maxLength: MAX_AT_CHARS })),
          timezone: Type.Optional(timezone),
          duration_s: Type.Optional(Type.String({ pattern: '^\\d{1,7}$', description: 'of a window' })),
        },
        strict,
      ),
    },
  ),
  changeSchedule: route('PUT', '/schedules/:name', 'Put another schedule in the place of this one', ref(Schedule), {
    params: named,
    body: ChangedSchedule,
  }),
  setScheduleEnabled: route('PATCH', '/schedules/:name', 'Enable or disable a schedule', ref(Schedule), {
    params: named,
    body: Type.Object({ enabled: Type.Boolean() }, strict),
  }),
  deleteSchedule: route('DELETE', '/schedules/:name', 'Remove a schedule', Type.Object({ name: Type.String() }), {
    params: named,
  }),
  runSchedule: route('POST', '/schedules/:name/run', 'Carry out the action of a schedule now', ref(Schedule), {
    params: named,
  }),
} as const;
