// A schedule as people say it, and as the command that makes it.

import { lengthText } from '#dashboard/parts/time.tsx';
import { writeLength } from '#dashboard/parts/text/length.ts';
import type { NewSchedule, Schedule, ScheduleRun } from '#protocol/admin/schedules.ts';

/** A run, of its schedule, in the zone in which it is shown. */
export interface Run extends ScheduleRun {
  readonly of: Schedule;
  readonly zone: string;
}

/** `promote 1.2.0-careful`, `window of 3 h for label lab`. */
export function actionText({ action, rollout, label, duration_s: length, device_local: isLocal }: Schedule): string {
  return [
    action,
    length === null ? '' : `of ${lengthText(length)}`,
    rollout ?? '',
    label === null ? '' : `for label ${label}`,
    isLocal ? 'by the day of each board' : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

export function commandText(verb: 'add' | 'change', schedule: NewSchedule): string {
  const { name, cron, at, timezone, action, rollout, from, label, duration_s: length } = schedule;
  const options: readonly (readonly [string, string | undefined])[] = [
    ['cron', cron === undefined ? undefined : `"${cron}"`],
    ['at', at],
    ['timezone', timezone],
    ['action', action],
    ['rollout', rollout],
    ['from', from],
    ['label', label],
    ['duration', length === undefined ? undefined : writeLength(length)],
    ['missed', schedule.missed],
    ['grace', schedule.grace_s === undefined ? undefined : writeLength(schedule.grace_s)],
  ];
  return [
    `otter schedule ${verb} ${name === '' ? 'NAME' : name}`,
    ...options.flatMap(([option, value]) => (value === undefined ? [] : [`--${option} ${value}`])),
    ...(schedule.device_local === true ? ['--device-local'] : []),
  ].join(' ');
}
