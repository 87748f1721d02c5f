// Another board in the place of one that broke, in one transaction: labels, name, note, hold and the mark of a test board go over to it,
// and the old one is removed. The new one is a board that has checked in; what it showed and what runs on it stay its own. Asked once
// more it changes nothing.

import type { ReplacedDevice } from '#protocol/admin/devices.ts';
import { OtterError } from '#protocol/errors.ts';
import { type DeviceRef, textOfDeviceId, textOfRef } from '#protocol/identity.ts';
import { MAX_DEVICE_LABELS } from '#protocol/limits.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { saveGivenName } from '#server/db/fleet/device-names.ts';
import { findOpenOffer } from '#server/db/fleet/device-removal.ts';
import { findDevice, saveOverride, type SeenDeviceRow } from '#server/db/fleet/devices.ts';
import { listPutLabels } from '#server/db/fleet/device-table.ts';
import { addLabel, putLabel, waitForLabelling } from '#server/db/fleet/labels.ts';
import { findRemoval, findReplacedBy } from '#server/db/fleet/removed-devices.ts';
import { saveNote } from '#server/db/notes.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { countAnew } from '#server/service/gates/count-anew.ts';
import { getRow, holdAll, viewOne } from '#server/service/fleet/devices.ts';
import { impactOf } from '#server/service/fleet/label-impact.ts';
import { sortDevices } from '#server/service/groups/dynamic-labels.ts';
import { putHold } from '#server/service/holds/holds.ts';
import { viewHold } from '#server/service/holds/stored-hold.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { counted, describeRemoved, forget } from './device-removal.ts';

export interface Replacement {
  readonly device: DeviceRef;
  /** The board that takes its place. */
  readonly heir: DeviceRef;
  readonly isConfirmed: boolean;
}

/**
 * Throws `device_unknown`, `replacement_unknown` for a board that has not checked in, `label_limit`, and `confirmation_needed` with
 * what goes over, until it is confirmed.
 */
export async function replaceDevice(
  deps: Deps,
  asked: Replacement,
  by: Principal,
  nowMs: number,
): Promise<ReplacedDevice> {
  await deps.presence.flush();
  const done = await deps.database.write(async (trx) => {
    await waitForLabelling(trx, deps.database.dialect);
    const heir = await findDevice(trx, asked.heir);
    if (heir === undefined) throw unknownHeir(asked.heir);
    const earlier = await findEarlier(trx, asked.device, heir);
    if (earlier !== undefined) return { old: earlier, labels: [], already: true };
    await holdAll(trx, [asked.device, heir.id]);
    const old = await getRow(trx, asked.device);
    if (old.id === heir.id)
      throw new OtterError('field_invalid', `by: ${textOfRef(asked.heir)} is that device itself`, 'name another board');
    const labels = await putLabels(trx, old, heir, nowMs);
    if (!asked.isConfirmed) throw await unconfirmed(deps, trx, { old, heir, labels });
    await handOver(trx, { old, heir, labels }, by, nowMs);
    await sortDevices(deps, trx, [heir.id], nowMs);
    return { old: { id: old.id, mac: old.first_name }, heir, labels, already: false };
  });
  const { old, labels, already } = done;
  return {
    replaced: { device_id: textOfDeviceId(old.id), mac: old.mac },
    by: await viewOne(deps, asked.heir, nowMs),
    labels: [...labels],
    already,
  };
}

/** The same was asked before: the device is gone, or its name means the new board by now. */
async function findEarlier(db: Reader, ref: DeviceRef, heir: SeenDeviceRow) {
  const device = await findDevice(db, ref);
  if (device !== undefined && device.id !== heir.id) return undefined;
  const removal = device === undefined ? await findRemoval(db, ref) : await findReplacedBy(db, heir.id);
  if (removal === undefined || removal.replaced_by_id !== heir.id) return undefined;
  return { id: removal.device_id, mac: removal.name };
}

interface Change {
  readonly old: SeenDeviceRow;
  readonly heir: SeenDeviceRow;
  /** Those that are new to the heir, which has them already. */
  readonly labels: readonly string[];
}

/** They count from the next stage on, as every label that is put on late. Throws `label_limit`. */
async function putLabels(trx: Trx, old: SeenDeviceRow, heir: SeenDeviceRow, nowMs: number): Promise<readonly string[]> {
  const byDevice = await listPutLabels(trx, [old.id, heir.id]);
  const has = byDevice.get(heir.id) ?? [];
  const labels = (byDevice.get(old.id) ?? []).filter((name) => !has.includes(name));
  if (has.length + labels.length > MAX_DEVICE_LABELS)
    throw new OtterError(
      'label_limit',
      `device ${heir.first_name} would have ${has.length + labels.length} labels, and ${MAX_DEVICE_LABELS} are the most`,
      'take labels off one of the two first',
    );
  for (const name of labels) {
    const { id } = await addLabel(trx, { name, description: '', nowMs });
    await putLabel(trx, id, [heir.id], nowMs);
  }
  return labels;
}

async function handOver(trx: Trx, { old, heir, labels }: Change, by: Principal, nowMs: number): Promise<void> {
  const { mac, ...removed } = await describeRemoved(trx, old);
  await forget(trx, [old], heir, by, nowMs);
  // Only now is the name free.
  if (old.given_name !== null) await saveGivenName(trx, heir.id, old.given_name);
  if (old.note !== null) await saveNote(trx, 'devices', heir.id, noteOf(old));
  if (passesTest(old, heir)) {
    const { counted: isCounted, counted_reason } = old;
    await saveOverride(trx, heir.id, { counted: isCounted, counted_reason });
    await countAnew(trx, [{ ...heir, counted: isCounted }]);
  }
  const isHeld = passesHold(old, heir, nowMs);
  if (isHeld) await putHold(trx, { ...heir, given_name: old.given_name ?? heir.given_name }, holdOf(old), by, nowMs);
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'device.replace',
    subject: mac,
    details: { by: heir.first_name, ...removed, labels, note: old.note, held: isHeld },
  });
}

/** A hold protects the place as well as the board: it goes over, and a person may release it. */
function passesHold(old: SeenDeviceRow, heir: SeenDeviceRow, nowMs: number): boolean {
  return viewHold(old, nowMs) !== null && viewHold(heir, nowMs) === null;
}

/** The bench stays a bench. That a board counts against the rules was said of that board alone. */
function passesTest(old: SeenDeviceRow, heir: SeenDeviceRow): boolean {
  return old.counted === 'no' && heir.counted !== 'no';
}

function noteOf({ note, note_by, note_at_ms }: SeenDeviceRow) {
  return { note, note_by, note_at_ms };
}

function holdOf({ held_at_ms, held_until_ms, held_reason, held_by, holds_way_back }: SeenDeviceRow) {
  return { held_at_ms, held_until_ms, held_reason, held_by, holds_way_back };
}

async function unconfirmed(deps: Deps, trx: Trx, { old, heir, labels }: Change): Promise<OtterError> {
  const { assignments } = await describeRemoved(trx, old);
  const open = await findOpenOffer(trx, old.id);
  const rollouts: string[] = [];
  for (const label of labels)
    rollouts.push(
      ...(await impactOf(deps, trx, { label, change: 'put_on', which: { ids: [heir.id] }, includesDrafts: false })),
    );
  const said = [
    `${heir.first_name} would take the place of ${old.first_name}, which is removed with ${counted(assignments, 'assignment')}`,
    `over go ${goesOver(old, labels)}`,
    ...lost('name', old.given_name, heir.given_name),
    ...lost('note', old.note, heir.note),
    ...(['product', 'chip'] as const)
      .filter((what) => old[what] !== heir[what])
      .map(
        (what) =>
          `${old.first_name} is ${what} ${old[what] ?? 'unknown'}, ${heir.first_name} ${heir[what] ?? 'unknown'}`,
      ),
    ...(open === undefined ? [] : [`${old.first_name} is in the middle of rollout ${open.rollout} (${open.state})`]),
    ...rollouts,
  ];
  return new OtterError('confirmation_needed', said.join('; '), 'add --yes (confirm=true)');
}

function goesOver(old: SeenDeviceRow, labels: readonly string[]): string {
  const parts = [
    ...(labels.length === 0 ? [] : [`${labels.length === 1 ? 'label' : 'labels'} ${labels.join(', ')}`]),
    ...(old.given_name === null ? [] : [`the name ${old.given_name}`]),
    ...(old.note === null ? [] : ['the note']),
    ...(old.held_at_ms === null ? [] : ['the hold']),
    ...(old.counted === 'no' ? ['that it is a test board'] : []),
  ];
  return parts.length === 0 ? 'no label, no name and no note' : parts.join(', ');
}

function lost(what: string, old: string | null, heir: string | null): readonly string[] {
  return old === null || heir === null || old === heir ? [] : [`its own ${what} is gone then: ${heir.slice(0, 80)}`];
}

function unknownHeir(ref: DeviceRef): OtterError {
  return new OtterError(
    'replacement_unknown',
    `no board ${textOfRef(ref)} has checked in yet`,
    'power the new board on: it is known from its first check on, then say this again',
  );
}
