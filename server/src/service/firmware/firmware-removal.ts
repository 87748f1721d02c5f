// Takes a firmware away, with its images, its rollouts, and what is known of the boards under it. Refused while anything needs it.
// It is blocked first, so that nothing begins to need it while its assignments go in small steps; whoever is interrupted says it again.
// The files of the images are not touched here: what no row names is removed by the store.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RemovedFirmware } from '#protocol/admin/firmware.ts';
import { OtterError } from '#protocol/errors.ts';
import { PRUNE_RANGE } from '#protocol/limits.ts';
import { findLastAssignmentId } from '#server/db/device/ended-assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  deleteFirmware,
  hasAssignmentsOf,
  listRolloutsOf,
  removeAssignmentsOf,
} from '#server/db/firmware/firmware-removal.ts';
import { listImages, setBlocked } from '#server/db/firmware/firmware.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { countLedOn } from '#server/service/signatures/stepping-needs.ts';
import { listNeeds } from './firmware-needs.ts';
import { type FirmwareName, getRow, subjectOf, countDevicesOn } from './firmware.ts';

/**
 * Throws `firmware_unknown`, `version_ambiguous`, `firmware_needed` with what needs it, and `confirmation_needed` with what goes,
 * until it is confirmed.
 */
export async function removeFirmware(
  deps: Deps,
  { isConfirmed, ...name }: FirmwareName & { readonly isConfirmed: boolean },
  by: Principal,
  nowMs: number,
): Promise<RemovedFirmware> {
  const { database } = deps;
  await deps.presence.flush();
  const { id } = await database.write(async (trx) => {
    await raiseRevision(trx);
    const found = await describe(deps, trx, name, nowMs);
    if (!isConfirmed) throw unconfirmed(found);
    await setBlocked(trx, found.id, { reason: `it is being removed: otter firmware remove ${found.version}` });
    return found;
  });
  let assignments = 0;
  const lastId = await findLastAssignmentId(database.read);
  for (let afterId = 0; afterId < lastId; afterId += PRUNE_RANGE) {
    const range = { afterId, untilId: afterId + PRUNE_RANGE };
    if (!(await hasAssignmentsOf(database.read, id, range))) continue;
    assignments += await database.write(async (trx) => removeAssignmentsOf(trx, id, range));
    await nextTurn();
  }
  return database.write(async (trx) => finish(deps, trx, { name, id, assignments, lastId }, by, nowMs));
}

async function finish(
  deps: Deps,
  trx: Trx,
  of: { readonly name: FirmwareName; readonly id: number; readonly assignments: number; readonly lastId: number },
  by: Principal,
  nowMs: number,
): Promise<RemovedFirmware> {
  await raiseRevision(trx);
  const { product, version, images, rollouts } = await describe(deps, trx, of.name, nowMs);
  // Those that came after the last one that was looked at: none, for nothing offers it.
  const late = await removeAssignmentsOf(trx, of.id, { afterId: of.lastId, untilId: Number.MAX_SAFE_INTEGER });
  await deleteFirmware(trx, of.id);
  const removed = {
    product,
    version,
    images: [...images],
    rollouts: [...rollouts],
    assignments: of.assignments + late,
  };
  const { product: _, version: __, ...details } = removed;
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'firmware.remove',
    subject: subjectOf(removed),
    details,
  });
  return removed;
}

interface Removable {
  readonly id: number;
  readonly product: string;
  readonly version: string;
  readonly images: readonly { readonly chip: string; readonly size_bytes: number; readonly sha256: string }[];
  readonly rollouts: readonly string[];
}

/** Throws where something needs it. */
async function describe(deps: Deps, trx: Trx, name: FirmwareName, nowMs: number): Promise<Removable> {
  const row = await getRow(trx, name);
  const devices = await countDevicesOn(trx, row);
  const view = await deps.catalog.within(trx);
  const ledOn = await countLedOn(trx, deps.database.dialect, view, row);
  const needs = await listNeeds(trx, view, row, { devices, ledOn }, nowMs);
  const [first] = needs;
  if (first !== undefined)
    throw new OtterError(
      'firmware_needed',
      `firmware ${subjectOf(row)} cannot be removed: ${needs.map(({ text }) => text).join('; ')}`,
      needs.map(({ command }) => command).join('; '),
    );
  const images = await listImages(trx, [row.id]);
  return {
    id: row.id,
    product: row.product,
    version: row.version,
    images: images.map(({ folder, size_bytes, sha256 }) => ({ chip: folder, size_bytes, sha256 })),
    rollouts: await listRolloutsOf(trx, row.id),
  };
}

function unconfirmed(found: Removable): OtterError {
  const bytes = found.images.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const rollouts = found.rollouts.length === 0 ? 'no rollout' : `rollouts ${found.rollouts.join(', ')}`;
  return new OtterError(
    'confirmation_needed',
    `firmware ${subjectOf(found)} would be removed with ${found.images.length} images (${bytes} bytes), ${rollouts}, and what is known of boards under it`,
    'add --yes (confirm=true)',
  );
}
