// A note: what somebody wants the next one to know about a device, a firmware or a rollout, with who wrote it and when. An empty one
// removes what is there; the same text again changes nothing, so that its author stays.

import type { Device } from '#protocol/admin/devices.ts';
import type { Firmware } from '#protocol/admin/firmware.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { type NoteColumns, type NotedTable, saveNote } from '#server/db/notes.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { findRollout } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import {
  getRow as getFirmwareRow,
  getFirmware,
  type FirmwareName,
  subjectOf,
} from '#server/service/firmware/firmware.ts';
import { getRow as getDeviceRow, holdAll, viewOne } from '#server/service/fleet/devices.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { getRollout } from '#server/service/rollouts/rollouts.ts';
import { noteColumns } from './stored-note.ts';

/** Throws `device_unknown`. */
export async function noteDevice(
  deps: Deps,
  ref: DeviceRef,
  note: string,
  by: Principal,
  nowMs: number,
): Promise<Device> {
  await deps.database.write(async (trx) => {
    await holdAll(trx, [ref]);
    const row = await getDeviceRow(trx, ref);
    await write(trx, { table: 'devices', row, subject: row.first_name }, { note, by, nowMs });
  });
  return viewOne(deps, ref, nowMs);
}

/** Throws `firmware_unknown`, `version_ambiguous`. */
export async function noteFirmware(
  deps: Deps,
  name: FirmwareName,
  note: string,
  by: Principal,
  nowMs: number,
): Promise<Firmware> {
  await deps.database.write(async (trx) => {
    const row = await getFirmwareRow(trx, name);
    await write(trx, { table: 'firmware', row, subject: subjectOf(row) }, { note, by, nowMs });
  });
  return getFirmware(deps, name);
}

/** Throws `rollout_unknown`. */
export async function noteRollout(
  deps: Deps,
  name: string,
  note: string,
  by: Principal,
  nowMs: number,
): Promise<Rollout> {
  await deps.database.write(async (trx) => {
    const row = await findRollout(trx, name);
    if (row === undefined)
      throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list: otter rollout list');
    await write(trx, { table: 'rollouts', row, subject: name }, { note, by, nowMs });
  });
  return getRollout(deps, name, nowMs);
}

const ACTIONS = { devices: 'device.note', firmware: 'firmware.note', rollouts: 'rollout.note' } as const;

async function write(
  trx: Trx,
  on: {
    readonly table: NotedTable;
    readonly row: NoteColumns & { readonly id: number };
    readonly subject: string;
  },
  { note, by, nowMs }: { readonly note: string; readonly by: Principal; readonly nowMs: number },
): Promise<void> {
  const columns = noteColumns(note, by, nowMs);
  if (columns.note === on.row.note) return;
  await saveNote(trx, on.table, on.row.id, columns);
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: ACTIONS[on.table],
    subject: on.subject,
    details: { note: columns.note, was: on.row.note },
  });
}
