// A schedule while somebody writes it, and what the API takes of it.

import { readLength, writeLength } from '#dashboard/parts/text/length.ts';
import type { NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { MY_ZONE } from './zone-time.ts';

export type Action = NewSchedule['action'];

export interface ScheduleDraft {
  readonly name: string;
  readonly action: Action;
  /** A weekday of cron (`*` is every day, `1-5` Monday to Friday), `cron` for a line of one's own, `once`. */
  readonly days: string;
  /** `03:00`. */
  readonly time: string;
  readonly cron: string;
  readonly at: string;
  readonly timezone: string;
  readonly rollout: string;
  readonly from: string;
  readonly label: string;
  readonly duration: string;
  readonly deviceLocal: boolean;
  readonly missed: NonNullable<NewSchedule['missed']>;
  readonly grace: string;
}

export const DAYS = [
  ['*', 'every day'],
  ['1-5', 'Monday to Friday'],
  ['1', 'every Monday'],
  ['2', 'every Tuesday'],
  ['3', 'every Wednesday'],
  ['4', 'every Thursday'],
  ['5', 'every Friday'],
  ['6', 'every Saturday'],
  ['0', 'every Sunday'],
  ['once', 'once'],
  ['cron', 'by a cron line'],
] as const;

const NEW: ScheduleDraft = {
  name: '',
  action: 'promote',
  days: '*',
  time: '03:00',
  cron: '0 3 * * *',
  at: '',
  timezone: MY_ZONE,
  rollout: '',
  from: '',
  label: '',
  duration: '3h',
  deviceLocal: false,
  missed: 'run_once',
  grace: '1h',
};

export function draftOf(schedule: Schedule | undefined): ScheduleDraft {
  if (schedule === undefined) return NEW;
  const { cron, at } = schedule;
  const [, minute = '', hour = '', days = ''] = /^(\d{1,2}) (\d{1,2}) \* \* (\S+)$/.exec(cron ?? '') ?? [];
  const isPlain = DAYS.some(([value]) => value === days);
  return {
    name: schedule.name,
    action: schedule.action,
    days: at === null ? (isPlain ? days : 'cron') : 'once',
    time: isPlain ? `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}` : NEW.time,
    cron: cron ?? NEW.cron,
    at: at ?? '',
    timezone: schedule.timezone,
    rollout: schedule.rollout ?? '',
    from: schedule.from ?? '',
    label: schedule.label ?? '',
    duration: schedule.duration_s === null ? NEW.duration : writeLength(schedule.duration_s),
    deviceLocal: schedule.device_local,
    missed: schedule.missed,
    grace: writeLength(schedule.grace_s),
  };
}

/** What its action has no use for is left out. */
export function scheduleOf(draft: ScheduleDraft): NewSchedule {
  const { action, days, at } = draft;
  const isWindow = action === 'window';
  const grace = readLength(draft.grace);
  return {
    name: draft.name.trim(),
    ...(days === 'once' ? { at: at.trim() } : { cron: cronOf(draft) }),
    timezone: draft.timezone.trim(),
    action,
    ...given('rollout', draft.rollout),
    ...(action === 'promote' ? given('from', draft.from) : {}),
    ...(isWindow || action === 'start' ? given('label', draft.label) : {}),
    ...(isWindow ? { duration_s: readLength(draft.duration) ?? Number.NaN } : {}),
    ...(isWindow && draft.deviceLocal ? { device_local: true } : {}),
    ...(isWindow || draft.missed === 'run_once' ? {} : { missed: draft.missed }),
    ...(isWindow || grace === undefined || grace === 3_600 ? {} : { grace_s: grace }),
  };
}

function cronOf({ days, time, cron }: ScheduleDraft): string {
  if (days === 'cron') return cron.trim();
  const [hour = '', minute = ''] = time.split(':');
  return `${Number(minute)} ${Number(hour)} * * ${days}`;
}

function given<K extends string>(name: K, value: string): { readonly [P in K]?: string } {
  return value.trim() === '' ? {} : ({ [name]: value.trim() } as { readonly [P in K]?: string });
}
