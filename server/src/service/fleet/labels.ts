// Labels: what an operator adds to devices. A label that is added while a rollout's stage for it is open counts from the
// next stage on; removed, it counts at once. Where that touches a rollout under way, the operator hears of it first.

import type { Device, Label } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { findTimezoneFault } from '#server/time/cron.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  addLabel,
  deleteLabel as deleteRow,
  findLabel,
  findOverLabelled,
  getLabelWithCount,
  type LabelWithCount,
  listLabels as listRows,
  putLabel,
  saveLabel,
  takeLabelOff,
  waitForLabelling,
} from '#server/db/fleet/labels.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import {
  checkQuery,
  refuseDynamic,
  refuseDynamicName,
  refuseInUse,
  sortDevices,
} from '#server/service/groups/dynamic-labels.ts';
import { getRow, holdAll, viewOne } from './devices.ts';
import { toInstant } from '#server/time/instant.ts';
import { refuseUnconfirmed } from './label-impact.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';

export async function listLabels(deps: Deps, query: ListQuery): Promise<Listed<Label>> {
  const page = await listRows(deps.database.read, readPage(query, { name: 'labels.name' }, 'name'));
  return toListed(page, page.rows.map(viewLabel));
}

/** Throws `name_taken`, `name_reserved`, `timezone_unknown`. */
export async function createLabel(
  deps: Deps,
  label: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly timezone?: string | undefined;
    readonly where?: string | undefined;
  },
  by: Principal,
  nowMs: number,
): Promise<Label> {
  refuseGeneral(label.name);
  const { name, description = '', timezone, where: query } = label;
  refuseTimezone(timezone);
  if (query !== undefined && deps.settings.labelsFromHints.includes(name))
    throw new OtterError(
      'name_reserved',
      `the configuration makes label ${name} of hints that devices send`,
      'choose another name for a label with a query',
    );
  const created = await deps.database.write(async (trx) => {
    if (timezone !== undefined) await raiseRevision(trx);
    if (query !== undefined) await checkQuery(trx, name, query);
    const { id, isNew } = await addLabel(trx, { name, description, timezone, query, nowMs });
    if (!isNew) throw new OtterError('name_taken', `label ${label.name} exists`, 'use it, or choose another name');
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'label.create',
      subject: label.name,
      details: query === undefined ? {} : { where: query },
    });
    return id;
  });
  if (query !== undefined) await deps.regrouping.regroup(created, nowMs);
  return viewLabel(await getLabelWithCount(deps.database.read, created));
}

/** Changes what is given; a time zone of null takes it away. Throws `label_unknown`, `timezone_unknown`. */
export async function updateLabel(
  deps: Deps,
  name: string,
  change: {
    readonly description?: string | undefined;
    readonly timezone?: string | null | undefined;
    readonly where?: string | undefined;
  },
  by: Principal,
  nowMs: number,
): Promise<Label> {
  const { description, timezone, where: query } = change;
  refuseTimezone(timezone);
  const updated = await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const { id, query: before } = await getLabel(trx, name);
    if (query !== undefined) {
      if (before === null)
        throw new OtterError(
          'invalid_transition',
          `label ${name} has no query: operators put it on devices`,
          `make another label with one: otter label create NAME --where '...'`,
        );
      await checkQuery(trx, name, query);
    }
    const given = {
      ...(query === undefined ? {} : { query }),
      ...(description === undefined ? {} : { description }),
      ...(timezone === undefined ? {} : { timezone }),
    };
    if (Object.keys(given).length > 0) {
      await saveLabel(trx, id, given);
      await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'label.update', subject: name, details: given });
    }
    return id;
  });
  if (query !== undefined) await deps.regrouping.regroup(updated, nowMs);
  return viewLabel(await getLabelWithCount(deps.database.read, updated));
}

/**
 * Takes the label off every device. Throws `label_unknown`, `confirmation_needed` while a rollout that has not ended aims
 * at it.
 */
export async function deleteLabel(
  deps: Deps,
  name: string,
  isConfirmed: boolean,
  by: Principal,
  nowMs: number,
): Promise<{ devices: number }> {
  return deps.database.write(async (trx) => {
    const label = await getLabel(trx, name);
    await refuseInUse(trx, name);
    if (!isConfirmed)
      await refuseUnconfirmed(deps, trx, {
        label: name,
        change: 'take_off',
        which: { labelId: label.id },
        includesDrafts: true,
      });
    if (label.timezone !== null) await raiseRevision(trx);
    const devices = await deleteRow(trx, label.id);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'label.delete',
      subject: name,
      details: { devices },
    });
    return { devices };
  });
}

/**
 * Puts a label on these devices, all or none; the label is made if it is new. Throws `device_unknown`, `name_reserved`,
 * `label_limit` where one of them has as many as it may, `confirmation_needed` where a rollout under way aims at it.
 */
export async function labelDevices(
  deps: Deps,
  name: string,
  { refs, isConfirmed }: { readonly refs: readonly DeviceRef[]; readonly isConfirmed: boolean },
  by: Principal,
  nowMs: number,
): Promise<{ changed: number }> {
  refuseGeneral(name);
  return deps.database.write(async (trx) => {
    await waitForLabelling(trx, deps.database.dialect);
    const devices = await holdAll(trx, refs);
    await refuseDynamicName(trx, name);
    const { id } = await addLabel(trx, { name, description: '', nowMs });
    const labelled = await putLabel(
      trx,
      id,
      devices.map((device) => device.id),
      nowMs,
    );
    const full = await findOverLabelled(trx, labelled, MAX_DEVICE_LABELS);
    if (full !== undefined) throw labelLimit(full);
    if (!isConfirmed && labelled.length > 0)
      await refuseUnconfirmed(deps, trx, {
        label: name,
        change: 'put_on',
        which: { ids: labelled },
        includesDrafts: false,
      });
    await sortDevices(deps, trx, labelled, nowMs);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.label',
      subject: name,
      details: { macs: devices.slice(0, 100).map(({ first_name }) => first_name), devices: devices.length },
    });
    return { changed: labelled.length };
  });
}

/** What a device has or not, and whether the operator knows what that does to rollouts under way. */
export interface LabelOf {
  readonly device: DeviceRef;
  readonly name: string;
  readonly isConfirmed: boolean;
}

export async function labelDevice(
  deps: Deps,
  { device, name, isConfirmed }: LabelOf,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  await labelDevices(deps, name, { refs: [device], isConfirmed }, by, nowMs);
  return viewOne(deps, device, nowMs);
}

/**
 * A label that the device does not have is no error. Throws `device_unknown`, `label_unknown`, `confirmation_needed` where
 * a rollout under way aims at it.
 */
export async function unlabelDevice(
  deps: Deps,
  { device: ref, name, isConfirmed }: LabelOf,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  await deps.database.write(async (trx) => {
    const device = await getRow(trx, ref);
    const label = await getLabel(trx, name);
    refuseDynamic(label);
    if (!isConfirmed)
      await refuseUnconfirmed(deps, trx, {
        label: name,
        change: 'take_off',
        which: { ids: [device.id], labelId: label.id },
        includesDrafts: false,
      });
    const taken = await takeLabelOff(trx, label.id, [device.id]);
    await sortDevices(deps, trx, [device.id], nowMs);
    if (taken > 0)
      await addAudit(trx, {
        atMs: nowMs,
        actor: actorOf(by),
        action: 'device.unlabel',
        subject: name,
        details: { macs: [device.first_name] },
      });
  });
  return viewOne(deps, ref, nowMs);
}

/** Throws `label_unknown`. */
export async function getLabel(db: Reader, name: string) {
  const label = await findLabel(db, name);
  if (label === undefined)
    throw new OtterError('label_unknown', `there is no label ${name}`, 'look at the list of labels');
  return label;
}

/** Throws `name_reserved`. */
export function refuseGeneral(name: string): void {
  if (name === GENERAL_LABEL)
    throw new OtterError(
      'name_reserved',
      `the label ${GENERAL_LABEL} means every device`,
      'it is never added to a device; choose another name',
    );
}

function refuseTimezone(timezone: string | null | undefined): void {
  const fault = typeof timezone === 'string' ? findTimezoneFault(timezone) : undefined;
  if (fault !== undefined)
    throw new OtterError('timezone_unknown', `timezone: ${timezone} ${fault.message}`, fault.hint);
}

function labelLimit(name: string): OtterError {
  return new OtterError(
    'label_limit',
    `device ${name} has ${MAX_DEVICE_LABELS} labels already, the most that one may have`,
    'take a label off it first',
  );
}

function viewLabel(row: LabelWithCount): Label {
  return {
    name: row.name,
    description: row.description,
    timezone: row.timezone,
    where: row.query,
    devices: row.devices,
    created_at: toInstant(row.created_at_ms),
  };
}
