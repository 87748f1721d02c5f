// Schedules for operators, and the file of schedules taken in. Running them is in `runs.ts`.

import type { ChangedSchedule, NewSchedule, Schedule } from '#protocol/admin/schedules.ts';
import { OtterError } from '#protocol/errors.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { findRollout, listStages } from '#server/db/rollouts/rollouts.ts';
import {
  addSchedule,
  deleteSchedule as deleteRow,
  findSchedule,
  listSchedules as listRows,
  listSchedulesFrom,
  saveSchedule,
  type Schedule as ScheduleRow,
} from '#server/db/schedules/schedules.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { nextScheduledMs, type ScheduleTime } from '#server/time/schedule-time.ts';
import { wallClockMs } from '#server/time/wall-clock.ts';
import type { ScheduleAction } from '#engine/facts/model.ts';
import { isOpen } from '#engine/stage/advance.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, FILE, type Principal } from '#server/service/principal.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { describePending } from '#server/service/rollouts/pending-promotions.ts';
import type { ScheduleSpec } from '#server/values/schedule-spec.ts';
import { versionOf } from './shared-files.ts';
import { columnsOf, isSame, readSpec, refuseGeneral } from './spec.ts';

/** Of one that is pending, the result is what its gate says now. */
export async function listSchedules(deps: Deps, query: ListQuery, nowMs: number): Promise<Listed<Schedule>> {
  const { read } = deps.database;
  const page = await listRows(read, readPage(query, { name: 'schedules.name' }, 'name'));
  const views = page.rows.map(async (row) => {
    const pending = await describePending(deps, row, nowMs);
    return { ...viewSchedule(row), ...(pending === undefined ? {} : { last_result: `pending: ${pending.text}` }) };
  });
  return toListed(page, await Promise.all(views));
}

/** Throws `cron_invalid`, `cron_too_often`, `timezone_unknown`, `field_invalid`, `name_reserved`, `name_taken`. */
export async function createSchedule(
  deps: Deps,
  request: NewSchedule,
  by: Principal,
  nowMs: number,
): Promise<Schedule> {
  const spec = readSpec(request);
  refuseOverSpec(spec, nowMs);
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    if ((await findSchedule(trx, spec.name)) !== undefined)
      throw new OtterError('name_taken', `schedule ${spec.name} exists`, 'choose another name, or remove it first');
    await addSchedule(trx, {
      ...columnsOf(spec),
      ...(await beginning(trx, spec, undefined, nowMs)),
      source: 'api',
      last_run_at_ms: null,
    });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'schedule.create',
      subject: spec.name,
      details: { ...spec },
    });
  });
  return viewSchedule(await getRow(deps.database.read, spec.name));
}

/**
 * Puts another schedule in the place of this one; what it did stays told. Throws what `createSchedule` throws, `schedule_unknown`
 * and `schedule_from_file`.
 */
export async function changeSchedule(
  deps: Deps,
  name: string,
  request: ChangedSchedule,
  by: Principal,
  nowMs: number,
): Promise<Schedule> {
  const asked = readSpec({ ...request, name });
  refuseOverSpec(asked, nowMs);
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getOwnRow(trx, name);
    const spec = { ...asked, enabled: request.enabled ?? row.enabled === 1 };
    if (isSame(spec, row)) return;
    await saveSchedule(trx, row.id, { ...columnsOf(spec), ...(await beginning(trx, spec, row, nowMs)) });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'schedule.change',
      subject: name,
      details: { ...spec },
    });
  });
  return viewSchedule(await getRow(deps.database.read, name));
}

/** A schedule that is enabled again does not catch up on what it missed. Throws `schedule_unknown`, `schedule_from_file`, `invalid_transition`. */
export async function setScheduleEnabled(
  deps: Deps,
  name: string,
  enabled: boolean,
  by: Principal,
  nowMs: number,
): Promise<Schedule> {
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getOwnRow(trx, name);
    if (enabled) refuseOver(row, nowMs);
    await saveSchedule(trx, row.id, {
      enabled: enabled ? 1 : 0,
      next_run_at_ms: enabled ? firstRunMs({ ...row, enabled }, nowMs) : null,
      ...(enabled ? {} : { pending_since_ms: null }),
    });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: enabled ? 'schedule.enable' : 'schedule.disable',
      subject: name,
    });
  });
  return viewSchedule(await getRow(deps.database.read, name));
}

export async function deleteSchedule(
  deps: Deps,
  name: string,
  by: Principal,
  nowMs: number,
): Promise<{ name: string }> {
  return deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getOwnRow(trx, name);
    await deleteRow(trx, row.id);
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'schedule.delete', subject: name });
    return { name };
  });
}

/**
 * Makes the schedules of the file those that are stored: new ones added, changed ones replaced, gone ones removed;
 * unchanged ones keep their next run, so that a run missed while the server was down is noticed. All or nothing.
 * One whose time was over before it was known does not run, and says so. Throws `name_taken` where one made through the API
 * has the same name, `name_reserved` for the label `general`, `field_invalid` for a stage that its rollout does not have, and
 * `file_differs` where the servers of this database have another file in common.
 */
export async function syncScheduleFile(deps: Deps, specs: readonly ScheduleSpec[], nowMs: number): Promise<void> {
  for (const spec of specs) refuseGeneral(spec.label);
  const version = versionOf('config/schedules.yaml', specs);
  await deps.database.write(async (trx) => {
    const stored = new Map((await listSchedulesFrom(trx, 'file')).map((row) => [row.name, row]));
    const gone = [...stored.values()].filter((row) => !specs.some(({ name }) => name === row.name));
    const changed = specs.filter((spec) => !isSame(spec, stored.get(spec.name)));
    await deps.sharedFiles.take(trx, version, { drops: gone.length > 0 }, nowMs);
    if (gone.length === 0 && changed.length === 0) return;
    await raiseRevision(trx);
    for (const row of gone) await deleteRow(trx, row.id);
    for (const spec of changed) {
      const row = stored.get(spec.name);
      const next = { ...columnsOf(spec), ...(await beginning(trx, spec, row, nowMs)) };
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
      await addSchedule(trx, { ...next, source: 'file', last_run_at_ms: null });
    }
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(FILE),
      action: 'schedule.sync',
      subject: 'config/schedules.yaml',
      details: { changed: changed.map(({ name }) => name), removed: gone.map(({ name }) => name) },
    });
  });
  deps.sharedFiles.taken(version);
}

export async function getRow(db: Reader, name: string): Promise<ScheduleRow> {
  const row = await findSchedule(db, name);
  if (row === undefined)
    throw new OtterError('schedule_unknown', `there is no schedule ${name}`, 'look at the list of schedules');
  return row;
}

/** Windows are not run: they are read with every decision. */
function firstRunMs(
  spec: ScheduleTime & { readonly action: ScheduleAction; readonly enabled: boolean },
  nowMs: number,
): number | null {
  return spec.enabled && spec.action !== 'window' ? (nextScheduledMs(spec, nowMs) ?? null) : null;
}

type Beginning = Pick<ScheduleRow, 'from_stage' | 'next_run_at_ms' | 'pending_since_ms' | 'done_at_ms' | 'last_result'>;

/** What a schedule that comes in, or is written anew, begins with. `row` is what was stored of it. */
async function beginning(
  trx: Trx,
  spec: ScheduleSpec,
  row: ScheduleRow | undefined,
  nowMs: number,
): Promise<Beginning> {
  const isLike = row?.action === spec.action && row.rollout === spec.rollout && row.at === spec.at;
  const { stage: from_stage, over } = await findStage(trx, spec, isLike ? row.from_stage : null);
  const next_run_at_ms = firstRunMs(spec, nowMs);
  const { last_result = null } = row ?? {};
  // An edit repeats nothing that is over, and drops nothing that waits.
  if (isLike && from_stage === row.from_stage) {
    const { done_at_ms } = row;
    const pending_since_ms = spec.enabled ? row.pending_since_ms : null;
    if (done_at_ms !== null)
      return { from_stage, next_run_at_ms: null, pending_since_ms: null, done_at_ms, last_result };
    if (pending_since_ms !== null)
      return { from_stage, next_run_at_ms, pending_since_ms, done_at_ms: null, last_result };
  }
  const result = over ?? (isOver(spec, nowMs) ? `missed: ${overText(spec, nowMs)}` : undefined);
  if (result === undefined)
    return { from_stage, next_run_at_ms, pending_since_ms: null, done_at_ms: null, last_result };
  return { from_stage, next_run_at_ms: null, pending_since_ms: null, done_at_ms: nowMs, last_result: result };
}

/**
 * The stage that a promotion means: the one that it names, else the one it meant before, else the one that is open, of a
 * draft the first; null where there is no such rollout yet. `over` is the result where that stage is over already.
 */
async function findStage(
  trx: Trx,
  { action, rollout, from }: ScheduleSpec,
  before: string | null,
): Promise<{ readonly stage: string | null; readonly over?: string }> {
  if (action !== 'promote' || rollout === null) return { stage: null };
  const found = await findRollout(trx, rollout);
  if (found === undefined) return { stage: from };
  const names = (await listStages(trx, [found.id])).map(({ name }) => name);
  if (from !== null && !names.includes(from))
    throw new OtterError(
      'field_invalid',
      `from: rollout ${rollout} has no stage ${from}`,
      `its stages are ${names.join(', ')}`,
    );
  const stage = from ?? before ?? found.stage ?? names[0] ?? '';
  if (found.status !== 'draft' && !isOpen(found.status))
    return { stage, over: `done: rollout ${rollout} is ${found.status}` };
  const isBehind = found.stage !== null && names.indexOf(stage) < names.indexOf(found.stage);
  return isBehind ? { stage, over: `done: stage ${stage} is promoted` } : { stage };
}

/** A one-time schedule whose time has come and gone. */
function isOver(time: ScheduleTime, nowMs: number): boolean {
  return time.at !== null && nextScheduledMs(time, nowMs) === undefined;
}

/** Throws `field_invalid`. */
export function refuseOverSpec(spec: ScheduleTime, nowMs: number): void {
  if (isOver(spec, nowMs)) throw new OtterError('field_invalid', `at: ${overText(spec, nowMs)}`, 'name a time to come');
}

function overText({ at, timezone }: ScheduleTime, nowMs: number): string {
  return `${at ?? ''} (${timezone}) is over: it is ${toInstant(wallClockMs(timezone, nowMs)).slice(0, 16)} there now`;
}

function refuseOver(row: ScheduleRow, nowMs: number): void {
  const why =
    row.done_at_ms !== null ? (row.last_result ?? 'done') : isOver(row, nowMs) ? overText(row, nowMs) : undefined;
  if (why !== undefined)
    throw new OtterError(
      'invalid_transition',
      `schedule ${row.name} does not run again: ${why}`,
      `make a new one: otter schedule remove ${row.name}, then otter schedule add`,
    );
}

export function viewSchedule(row: ScheduleRow): Schedule {
  return {
    name: row.name,
    cron: row.at === null ? row.cron : null,
    at: row.at,
    timezone: row.timezone,
    action: row.action,
    rollout: row.rollout,
    label: row.label,
    from: row.from_stage,
    enabled: row.enabled === 1 && row.done_at_ms === null,
    missed: row.missed,
    grace_s: row.grace_ms / 1000,
    duration_s: row.duration_ms === null ? null : row.duration_ms / 1000,
    device_local: row.device_local === 1,
    source: row.source,
    next_run_at: toInstantOrNull(row.next_run_at_ms),
    last_run_at: toInstantOrNull(row.last_run_at_ms),
    last_result: row.last_result,
    pending_since: toInstantOrNull(row.pending_since_ms),
    done_at: toInstantOrNull(row.done_at_ms),
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
