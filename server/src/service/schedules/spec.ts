// A schedule as people write it, in a file or through the API: what is wrong with one, and the columns that it becomes.

import type { NewSchedule } from '#protocol/admin/schedules.ts';
import { OtterError } from '#protocol/errors.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { findCronFault, findLocalWindowFault, findTimezoneFault } from '#server/time/cron.ts';
import type { Schedule as ScheduleRow } from '#server/db/schedules/schedules.ts';
import { AT_HINT, isAt, type ScheduleTime } from '#server/time/schedule-time.ts';
import { DEFAULT_GRACE_S, type ScheduleSpec } from '#server/values/schedule-spec.ts';

/** Throws `cron_invalid`, `cron_too_often`, `timezone_unknown`, `field_invalid`, `name_reserved`. */
export function readSpec(request: NewSchedule): ScheduleSpec {
  const time = readTime(request);
  const isWindow = request.action === 'window';
  if (isWindow !== (request.duration_s !== undefined))
    throw refuseField(
      `duration_s: ${isWindow ? 'a window needs one' : `action ${request.action} has none`}`,
      'only a window has a duration, in seconds',
    );
  if (request.device_local === true) refuseLocal(request, time);
  if (!isWindow && request.rollout === undefined)
    throw refuseField(`rollout: action ${request.action} needs one`, 'name the rollout that the schedule moves');
  if (request.label !== undefined && !isWindow && request.action !== 'start')
    throw refuseField(
      `label: action ${request.action} has none`,
      'a label goes with start (the pilot label) or window (its devices)',
    );
  if (request.from !== undefined && request.action !== 'promote')
    throw refuseField(`from: action ${request.action} has none`, 'only a promotion means a stage');
  refuseGeneral(request.label ?? null);
  return {
    ...time,
    name: request.name,
    action: request.action,
    rollout: request.rollout ?? null,
    label: request.label ?? null,
    from: request.from ?? null,
    enabled: request.enabled ?? true,
    missed: request.missed ?? 'run_once',
    graceMs: (request.grace_s ?? DEFAULT_GRACE_S) * 1000,
    durationMs: request.duration_s === undefined ? null : request.duration_s * 1000,
    deviceLocal: request.device_local ?? false,
  };
}

/** As a pilot label it would start with every device; as the label of a window no device would have it. */
export function refuseGeneral(label: string | null): void {
  if (label === GENERAL_LABEL)
    throw new OtterError(
      'name_reserved',
      `label: ${GENERAL_LABEL} means every device`,
      'name the label of some devices; a window for every device has no label',
    );
}

/** What is stored of it as it was written. The stage of a promotion is not in it: it may have come from the rollout. */
export function columnsOf(spec: ScheduleSpec) {
  return {
    name: spec.name,
    cron: spec.cron,
    at: spec.at,
    timezone: spec.timezone,
    action: spec.action,
    rollout: spec.rollout,
    label: spec.label,
    enabled: spec.enabled ? 1 : 0,
    missed: spec.missed,
    grace_ms: spec.graceMs,
    duration_ms: spec.durationMs,
    device_local: spec.deviceLocal ? 1 : 0,
  } as const;
}

/** Whether this is what is stored already. */
export function isSame(spec: ScheduleSpec, row: ScheduleRow | undefined): boolean {
  const stored: ReadonlyMap<string, unknown> = new Map(Object.entries(row ?? {}));
  const isSameStage = spec.from === null || spec.from === row?.from_stage;
  return (
    row !== undefined &&
    isSameStage &&
    Object.entries(columnsOf(spec)).every(([name, value]) => stored.get(name) === value)
  );
}

function readTime({ action, cron, at, timezone = 'UTC' }: NewSchedule): ScheduleTime {
  const zoneFault = findTimezoneFault(timezone);
  if (zoneFault !== undefined)
    throw new OtterError('timezone_unknown', `timezone: ${timezone} ${zoneFault.message}`, zoneFault.hint);
  if (cron !== undefined && at !== undefined)
    throw refuseField('at: a schedule cannot have both cron and at', 'leave one of them out');
  if (cron !== undefined) {
    const fault = findCronFault(cron);
    if (fault !== undefined) throw new OtterError(fault.code, `cron: "${cron}" ${fault.message}`, fault.hint);
    return { cron, at: null, timezone };
  }
  if (at === undefined)
    throw refuseField('cron: a schedule needs cron or at', 'write cron for one that repeats, at for one time');
  if (action === 'window')
    throw refuseField('at: a window has no at', 'write cron: a window opens again and again, for its duration');
  if (!isAt(at)) throw refuseField(`at: ${JSON.stringify(at)} is no time that the calendar has`, AT_HINT);
  return { cron: '', at: at.trim(), timezone };
}

function refuseLocal(request: NewSchedule, { cron }: ScheduleTime): void {
  if (request.action !== 'window')
    throw refuseField(
      `device_local: action ${request.action} has none`,
      'only a window can go by the clock of the device',
    );
  const fault = findLocalWindowFault({ cron, durationS: request.duration_s ?? 0 });
  if (fault !== undefined) throw new OtterError(fault.code, `cron: "${cron}" ${fault.message}`, fault.hint);
}

function refuseField(message: string, hint: string): OtterError {
  return new OtterError('field_invalid', message, hint);
}
