// Takes a table of devices over. The whole file is judged first and nothing is changed while one line is wrong; then a thousand lines at a
// time, each thousand in a transaction of its own, so that check-ins go on meanwhile. One that was broken off is done by the same file
// once more: lines that are so already change nothing.

import { setImmediate as breathe } from 'node:timers/promises';
import type { DeviceImport } from '#protocol/admin/fleet/device-table.ts';
import { OtterError } from '#protocol/errors.ts';
import type { DeviceId } from '#protocol/identity.ts';
import { MAX_TABLE_CHANGES, MAX_TABLE_FAULTS, TABLE_LINES_AT_ONCE } from '#protocol/limits.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addHoldEvents } from '#server/db/events/events.ts';
import { findGivenIds } from '#server/db/fleet/device-names.ts';
import { findTableDevices, saveWritten, type TableDevice } from '#server/db/fleet/device-table.ts';
import { listDynamicLabels } from '#server/db/fleet/dynamic-labels.ts';
import { addLabel, findLabel, putLabel, takeLabelOff, waitForLabelling } from '#server/db/fleet/labels.ts';
import { listUnendedByLabel } from '#server/db/rollouts/rollouts.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { holdAll } from '#server/service/fleet/devices.ts';
import { sortDevices } from '#server/service/groups/dynamic-labels.ts';
import { noteColumns } from '#server/service/names/stored-note.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { type Changed, compareLine, namesOf, renamedIds, textOfChange } from './compare.ts';
import { readTable, type TableFault, type TableLine } from './read-table.ts';

export interface AskedImport {
  readonly source: AsyncIterable<Uint8Array>;
  readonly isConfirmed: boolean;
  /** Lines whose device has not checked in are left out; else each is a fault. */
  readonly skipsUnknown: boolean;
}

/** Throws `table_invalid` where it is no table, or, where it was confirmed, where a line is wrong; `body_too_large`. */
export async function importDevices(
  deps: Deps,
  { source, isConfirmed, skipsUnknown }: AskedImport,
  by: Principal,
  nowMs: number,
): Promise<DeviceImport> {
  const table = await readTable(source);
  const judged = await judge(deps.database.read, table.lines, skipsUnknown);
  const faults = table.faults.concat(judged.faults).toSorted((left, right) => left.line - right.line);
  const would = await describe(deps.database.read, table.lines.length, judged, faults);
  if (!isConfirmed) return would;
  const [first] = faults;
  if (first !== undefined)
    throw new OtterError(
      'table_invalid',
      `line ${first.line}: ${first.text}${faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`}`,
      'nothing was changed; without confirm=true (--dry-run) the answer names what is wrong in which line',
    );
  const known = table.lines.filter(({ mac }) => judged.known.has(mac));
  for (const lines of parts(known)) {
    await takeOver(deps, lines, judged.renamed, by, nowMs);
    await breathe();
  }
  return { ...would, done: true };
}

interface Judged {
  readonly changed: readonly Changed[];
  readonly known: ReadonlySet<string>;
  readonly unknown: number;
  readonly renamed: ReadonlySet<DeviceId>;
  readonly faults: readonly TableFault[];
}

async function judge(db: Reader, lines: readonly TableLine[], skipsUnknown: boolean): Promise<Judged> {
  const byMac = new Map<string, TableDevice>();
  for (const part of parts(lines)) {
    const macs = part.map(({ mac }) => mac);
    for (const [mac, device] of await findTableDevices(db, macs)) byMac.set(mac, device);
    await breathe();
  }
  const renamed = renamedIds(lines, byMac);
  const dynamic = new Set((await listDynamicLabels(db)).map(({ name }) => name));
  const faults: TableFault[] = [];
  const changed: Changed[] = [];
  for (const part of parts(lines)) {
    const known = part.filter(({ mac }) => byMac.has(mac));
    if (!skipsUnknown) faults.push(...part.filter(({ mac }) => !byMac.has(mac)).map(unknownFault));
    faults.push(...part.flatMap((line) => dynamicFaults(line, dynamic)));
    faults.push(...(await takenNames(db, known, byMac, renamed)));
    changed.push(...changesOf(known, byMac));
    await breathe();
  }
  const unknown = skipsUnknown ? lines.filter(({ mac }) => !byMac.has(mac)).length : 0;
  return { changed, known: new Set(byMac.keys()), unknown, renamed, faults };
}

function changesOf(lines: readonly TableLine[], byMac: ReadonlyMap<string, TableDevice>): readonly Changed[] {
  return lines.flatMap((line) => {
    const device = byMac.get(line.mac);
    const change = device === undefined ? undefined : compareLine(line, device);
    return change === undefined ? [] : [change];
  });
}

function unknownFault({ line, mac }: TableLine): TableFault {
  return { line, text: `mac: no device ${mac} has checked in yet` };
}

/** Their queries say who has them. */
function dynamicFaults({ line, labels = [] }: TableLine, dynamic: ReadonlySet<string>): readonly TableFault[] {
  return labels
    .filter((label) => dynamic.has(label))
    .map((label) => ({ line, text: `labels: ${label} is dynamic: its query says which devices have it` }));
}

/** Names that a device has which the table does not rename. */
async function takenNames(
  db: Reader,
  lines: readonly TableLine[],
  byMac: ReadonlyMap<string, TableDevice>,
  renamed: ReadonlySet<DeviceId>,
): Promise<readonly TableFault[]> {
  const wanted = namesOf(lines);
  const owners = await findGivenIds(db, [...wanted.keys()]);
  return [...wanted].flatMap(([key, { line, mac, name }]) => {
    const owner = owners.get(key);
    const isFree = owner === undefined || owner === byMac.get(mac)?.id || renamed.has(owner);
    return isFree ? [] : [{ line, text: `name: another device has the name ${name} already` }];
  });
}

async function describe(
  db: Reader,
  devices: number,
  { changed, unknown }: Judged,
  faults: readonly TableFault[],
): Promise<DeviceImport> {
  return {
    done: false,
    devices,
    changed: changed.length,
    unknown,
    named: changed.filter(({ name, device }) => name !== device.given_name).length,
    noted: changed.filter(({ note, device }) => note !== device.note).length,
    labels: await describeLabels(db, changed),
    changes: changed
      .slice(0, MAX_TABLE_CHANGES)
      .map((one) => ({ line: one.line, mac: one.device.mac, text: textOfChange(one) })),
    fault_count: faults.length,
    faults: faults.slice(0, MAX_TABLE_FAULTS).map(({ line, text }) => ({ line, text })),
  };
}

async function describeLabels(db: Reader, changed: readonly Changed[]): Promise<DeviceImport['labels']> {
  const [putOn, takenOff] = [countEach(changed, 'putOn'), countEach(changed, 'takenOff')];
  const labels: DeviceImport['labels'] = [];
  for (const label of [...new Set([...putOn.keys(), ...takenOff.keys()])].toSorted()) {
    const rollouts = (await listUnendedByLabel(db, label)).filter(({ status }) => isOpen(status));
    labels.push({
      label,
      is_new: (await findLabel(db, label)) === undefined,
      put_on: putOn.get(label) ?? 0,
      taken_off: takenOff.get(label) ?? 0,
      rollouts: rollouts.map(({ name }) => name),
    });
  }
  return labels;
}

function countEach(changed: readonly Changed[], of: 'putOn' | 'takenOff'): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const label of changed.flatMap((one) => one[of])) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** Compared once more: somebody may have changed them since. One that was removed meanwhile is left out. */
async function takeOver(
  deps: Deps,
  lines: readonly TableLine[],
  renamed: ReadonlySet<DeviceId>,
  by: Principal,
  nowMs: number,
): Promise<void> {
  const { dialect } = deps.database;
  await deps.database.write(async (trx) => {
    await waitForLabelling(trx, dialect);
    const macs = lines.map(({ mac }) => mac);
    const there = await findTableDevices(trx, macs);
    await holdAll(
      trx,
      [...there.values()].map(({ id }) => id),
    );
    const byMac = await findTableDevices(trx, macs);
    const changed = changesOf(lines, byMac);
    if (changed.length === 0) return;
    const named = changed.filter(({ name, device }) => name !== device.given_name);
    await saveTexts(trx, deps, changed, renamed, { by, nowMs });
    await moveLabels(trx, changed, nowMs);
    await sortDevices(
      deps,
      trx,
      changed.map(({ device }) => device.id),
      nowMs,
    );
    await addHoldEvents(
      trx,
      named.map(({ name, device: { id, first_name, product, given_name: was } }) => ({
        at_ms: nowMs,
        product,
        type: 'device.named' as const,
        device: { id, first_name, given_name: name },
        data: { actor: actorOf(by), was },
      })),
    );
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.import',
      subject: `lines ${lines[0]?.line ?? 0} to ${lines.at(-1)?.line ?? 0}`,
      details: {
        devices: changed.length,
        named: named.length,
        noted: changed.filter(({ note, device }) => note !== device.note).length,
        put_on: Object.fromEntries(countEach(changed, 'putOn')),
        taken_off: Object.fromEntries(countEach(changed, 'takenOff')),
        macs: changed.slice(0, MAX_TABLE_CHANGES).map(({ device }) => device.first_name),
      },
    });
  });
}

async function saveTexts(
  trx: Trx,
  { database: { dialect } }: Deps,
  changed: readonly Changed[],
  renamed: ReadonlySet<DeviceId>,
  { by, nowMs }: { readonly by: Principal; readonly nowMs: number },
): Promise<void> {
  const texts = changed.filter(({ name, note, device }) => name !== device.given_name || note !== device.note);
  const own = new Set(texts.map(({ device }) => device.id));
  const keys = namesOf(
    texts.map(({ line, device, name }) => ({ line, mac: device.mac, name, labels: undefined, note: undefined })),
  );
  const owners = [...(await findGivenIds(trx, [...keys.keys()])).values()].filter((id) => !own.has(id));
  const taken = owners.find((id) => !renamed.has(id));
  if (taken !== undefined)
    throw new OtterError(
      'name_taken',
      'another device got one of these names meanwhile',
      'look at it with --dry-run, and import the file again: what is done stays done',
    );
  const rows = texts.map(({ device: { id, note: was, note_by, note_at_ms }, name, note }) => {
    // Who did not change it does not become its author.
    const written = note === was ? { note, note_by, note_at_ms } : noteColumns(note ?? '', by, nowMs);
    return { id, name, written };
  });
  await saveWritten(trx, dialect, rows, owners);
}

async function moveLabels(trx: Trx, changed: readonly Changed[], nowMs: number): Promise<void> {
  const idsWith = (of: 'putOn' | 'takenOff', label: string) =>
    changed.filter((one) => one[of].includes(label)).map(({ device }) => device.id);
  for (const name of countEach(changed, 'putOn').keys()) {
    const { id, isDynamic } = await addLabel(trx, { name, description: '', nowMs });
    // It became so since the file was judged.
    if (!isDynamic) await putLabel(trx, id, idsWith('putOn', name), nowMs);
  }
  for (const name of countEach(changed, 'takenOff').keys()) {
    const label = await findLabel(trx, name);
    if (label?.query === null) await takeLabelOff(trx, label.id, idsWith('takenOff', name));
  }
}

function parts<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / TABLE_LINES_AT_ONCE);
  return Array.from({ length: count }, (_, part) =>
    items.slice(part * TABLE_LINES_AT_ONCE, (part + 1) * TABLE_LINES_AT_ONCE),
  );
}
