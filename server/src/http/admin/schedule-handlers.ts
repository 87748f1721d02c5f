// The admin routes of schedules, each tied to one service.

import type { Deps } from '#server/service/deps.ts';
import { runSchedule } from '#server/service/schedules/runs.ts';
import { getScheduleRuns, previewSchedule } from '#server/service/schedules/upcoming.ts';
import {
  changeSchedule,
  createSchedule,
  deleteSchedule,
  listSchedules,
  setScheduleEnabled,
} from '#server/service/schedules/schedules.ts';
import type { Handlers } from './handlers.ts';

export function scheduleHandlers(deps: Deps) {
  return {
    listSchedules: async ({ query, nowMs }) => listSchedules(deps, query, nowMs),
    createSchedule: async ({ body, nowMs, by }) => createSchedule(deps, body, by, nowMs),
    getScheduleRuns: async ({ nowMs }) => getScheduleRuns(deps, nowMs),
    previewSchedule: async ({ query, nowMs }) => previewSchedule(query, nowMs),
    changeSchedule: async ({ params, body, nowMs, by }) => changeSchedule(deps, params.name, body, by, nowMs),
    setScheduleEnabled: async ({ params, body, nowMs, by }) =>
      setScheduleEnabled(deps, params.name, body.enabled, by, nowMs),
    deleteSchedule: async ({ params, nowMs, by }) => deleteSchedule(deps, params.name, by, nowMs),
    runSchedule: async ({ params, nowMs, by }) => runSchedule(deps, params.name, by, nowMs),
  } satisfies Partial<Handlers>;
}
