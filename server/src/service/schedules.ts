// Schedules for operators, and the file of schedules taken in. Running them is in `tick.ts`.

import type { NewSchedule, Schedule } from '#protocol/admin-api.ts';
import { OtterError } from '#protocol/errors.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { findCronFault, findLocalWindowFault, findTimezoneFault, nextRunMs } from '#server/cron.ts';
import { addAudit } from '#server/db/audit.ts';
import { raiseRevision } from '#server/db/catalog.ts';
import {
  addSchedule,
  deleteSchedule as deleteRow,
  findSchedule,
  listSchedules as listRows,
  listSchedulesFrom,
  saveSchedule,
  type Schedule as ScheduleRow,
} from '#server/db/schedules.ts';
import type { Reader } from '#server/db/schema.ts';
import type { MissedPolicy, ScheduleAction } from '#engine/facts/model.ts';
import type { Deps } from './deps.ts';
import { toInstantOrNull } from './instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from './list.ts';

/** A schedule as people write it, in a file or through the API. */
export interface ScheduleSpec {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly action: ScheduleAction;
  readonly rollout: string | null;
  readonly label: string | null;
  readonly enabled: boolean;
  readonly missed: MissedPolicy;
  readonly graceMs: number;
  readonly durationMs: number | null;
  readonly deviceLocal: boolean;
}

const DEFAULT_GRACE_S = 3_600;

export async function listSchedules(deps: Deps, query: ListQuery): Promise<Listed<Schedule>> {
  const page = await listRows(deps.database.read, readPage(query, { name: 'schedules.name' }, 'name'));
  return toListed(page, page.rows.map(viewSchedule));
}

/** Throws `cron_invalid`, `cron_too_often`, `timezone_unknown`, `field_invalid`, `name_reserved`, `name_taken`. */
export async function createSchedule(deps: Deps, request: NewSchedule, nowMs: number): Promise<Schedule> {
  const spec = readSpec(request);
  return deps.database.write(async (trx) => {
    await raiseRevision(trx);
    if ((await findSchedule(trx, spec.name)) !== undefined)
      throw new OtterError('name_taken', `schedule ${spec.name} exists`, 'choose another name, or remove it first');
    await addSchedule(trx, {
      ...columns(spec),
      source: 'api',
      next_run_at_ms: firstRunMs(spec, nowMs),
      last_run_at_ms: null,
      last_result: null,
    });
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'admin',
      action: 'schedule.create',
      subject: spec.name,
      details: { ...spec },
    });
    return viewSchedule(await getRow(trx, spec.name));
  });
}

/** A schedule that is enabled again does not catch up on what it missed. Throws `schedule_unknown`, `schedule_from_file`. */
export async function setScheduleEnabled(deps: Deps, name: string, enabled: boolean, nowMs: number): Promise<Schedule> {
  return deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getOwnRow(trx, name);
    await saveSchedule(trx, row.id, {
      enabled: enabled ? 1 : 0,
      next_run_at_ms: enabled ? firstRunMs({ ...row, enabled }, nowMs) : null,
    });
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'admin',
      action: enabled ? 'schedule.enable' : 'schedule.disable',
      subject: name,
    });
    return viewSchedule(await getRow(trx, name));
  });
}

export async function deleteSchedule(deps: Deps, name: string, nowMs: number): Promise<{ name: string }> {
  return deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getOwnRow(trx, name);
    await deleteRow(trx, row.id);
    await addAudit(trx, { atMs: nowMs, actor: 'admin', action: 'schedule.delete', subject: name });
    return { name };
  });
}

/**
 * Makes the schedules of the file those that are stored: new ones added, changed ones replaced, gone ones removed;
 * unchanged ones keep their next run, so that a run missed while the server was down is noticed. All or nothing.
 * Throws `name_taken` where one made through the API has the same name, `name_reserved` for the label `general`.
 */
export async function syncScheduleFile(deps: Deps, specs: readonly ScheduleSpec[], nowMs: number): Promise<void> {
  for (const spec of specs) refuseGeneral(spec.label);
  await deps.database.write(async (trx) => {
    const stored = new Map((await listSchedulesFrom(trx, 'file')).map((row) => [row.name, row]));
    const gone = [...stored.values()].filter((row) => !specs.some(({ name }) => name === row.name));
    const changed = specs.filter((spec) => !isSame(spec, stored.get(spec.name)));
    if (gone.length === 0 && changed.length === 0) return;
    await raiseRevision(trx);
    for (const row of gone) await deleteRow(trx, row.id);
    for (const spec of changed) {
      const row = stored.get(spec.name);
      const next = { ...columns(spec), next_run_at_ms: firstRunMs(spec, nowMs) };
      if (row !== undefined) {
        await saveSchedule(trx, row.id, next);
        continue;
      }
      if ((await findSchedule(trx, spec.name)) !== undefined) {
        throw new OtterError(
          'name_taken',
          `schedule ${spec.name} of the file was already made on the command line`,
          `remove that one (otter schedule remove ${spec.name}) or rename the one in the file`,
        );
      }
      await addSchedule(trx, { ...next, source: 'file', last_run_at_ms: null, last_result: null });
    }
    await addAudit(trx, {
      atMs: nowMs,
      actor: 'file',
      action: 'schedule.sync',
      subject: 'config/schedules.yaml',
      details: { changed: changed.map(({ name }) => name), removed: gone.map(({ name }) => name) },
    });
  });
}

export async function getRow(db: Reader, name: string): Promise<ScheduleRow> {
  const row = await findSchedule(db, name);
  if (row === undefined)
    throw new OtterError('schedule_unknown', `there is no schedule ${name}`, 'look at the list of schedules');
  return row;
}

/** Windows are not run: they are read with every decision. */
function firstRunMs(
  spec: {
    readonly cron: string;
    readonly timezone: string;
    readonly action: ScheduleAction;
    readonly enabled: boolean;
  },
  nowMs: number,
): number | null {
  return spec.enabled && spec.action !== 'window' ? (nextRunMs(spec, nowMs) ?? null) : null;
}

export function viewSchedule(row: ScheduleRow): Schedule {
  return {
    name: row.name,
    cron: row.cron,
    timezone: row.timezone,
    action: row.action,
    rollout: row.rollout,
    label: row.label,
    enabled: row.enabled === 1,
    missed: row.missed,
    grace_s: row.grace_ms / 1000,
    duration_s: row.duration_ms === null ? null : row.duration_ms / 1000,
    device_local: row.device_local === 1,
    source: row.source,
    next_run_at: toInstantOrNull(row.next_run_at_ms),
    last_run_at: toInstantOrNull(row.last_run_at_ms),
    last_result: row.last_result,
  };
}

async function getOwnRow(db: Reader, name: string): Promise<ScheduleRow> {
  const row = await getRow(db, name);
  if (row.source === 'file')
    throw new OtterError(
      'schedule_from_file',
      `schedule ${name} comes from config/schedules.yaml`,
      'change it there; the file is taken in without a restart',
    );
  return row;
}

function readSpec(request: NewSchedule): ScheduleSpec {
  const timezone = request.timezone ?? 'UTC';
  const zoneFault = findTimezoneFault(timezone);
  if (zoneFault !== undefined)
    throw new OtterError('timezone_unknown', `timezone: ${timezone} ${zoneFault.message}`, zoneFault.hint);
  const cronFault = findCronFault(request.cron);
  if (cronFault !== undefined)
    throw new OtterError(cronFault.code, `cron: "${request.cron}" ${cronFault.message}`, cronFault.hint);
  const isWindow = request.action === 'window';
  if (isWindow !== (request.duration_s !== undefined)) {
    throw new OtterError(
      'field_invalid',
      `duration_s: ${isWindow ? 'a window needs one' : `action ${request.action} has none`}`,
      'only a window has a duration, in seconds',
    );
  }
  if (request.device_local === true) {
    const fault = isWindow
      ? findLocalWindowFault({ cron: request.cron, durationS: request.duration_s ?? 0 })
      : undefined;
    if (fault !== undefined) throw new OtterError(fault.code, `cron: "${request.cron}" ${fault.message}`, fault.hint);
    if (!isWindow)
      throw new OtterError(
        'field_invalid',
        `device_local: action ${request.action} has none`,
        'only a window can go by the clock of the device',
      );
  }
  if (!isWindow && request.rollout === undefined)
    throw new OtterError(
      'field_invalid',
      `rollout: action ${request.action} needs one`,
      'name the rollout that the schedule moves',
    );
  if (request.label !== undefined && !isWindow && request.action !== 'start') {
    throw new OtterError(
      'field_invalid',
      `label: action ${request.action} has none`,
      'a label goes with start (the pilot label) or window (its devices)',
    );
  }
  refuseGeneral(request.label ?? null);
  return {
    name: request.name,
    cron: request.cron,
    timezone,
    action: request.action,
    rollout: request.rollout ?? null,
    label: request.label ?? null,
    enabled: request.enabled ?? true,
    missed: request.missed ?? 'run_once',
    graceMs: (request.grace_s ?? DEFAULT_GRACE_S) * 1000,
    durationMs: request.duration_s === undefined ? null : request.duration_s * 1000,
    deviceLocal: request.device_local ?? false,
  };
}

/** As a pilot label it would start with every device; as the label of a window it would be worn by none. */
function refuseGeneral(label: string | null): void {
  if (label === GENERAL_LABEL)
    throw new OtterError(
      'name_reserved',
      `label: ${GENERAL_LABEL} means every device`,
      'name the label of some devices; a window for every device has no label',
    );
}

function columns(spec: ScheduleSpec) {
  return {
    name: spec.name,
    cron: spec.cron,
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

function isSame(spec: ScheduleSpec, row: ScheduleRow | undefined): boolean {
  const stored: ReadonlyMap<string, unknown> = new Map(Object.entries(row ?? {}));
  return row !== undefined && Object.entries(columns(spec)).every(([name, value]) => stored.get(name) === value);
}
