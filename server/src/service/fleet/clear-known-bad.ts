// Builds that failed on a device may be offered to it again, and the next offer tells the device. What a device with a list
// of its own needs besides is in the answer; nothing here reaches the device itself.

import type { ClearedBuild } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { type AssignmentRow } from '#server/db/device/assignments.ts';
import { forgive, listFailed, listForgivenBuilds } from '#server/db/device/failed-assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import type { SeenDeviceRow } from '#server/db/fleet/devices.ts';
import type { Trx } from '#server/db/schema.ts';
import { historyOf } from '#engine/assignment/assignment.ts';
import { noteOfPardon } from '#engine/assignment/pardon.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { assignmentEndOf } from '#server/service/device/assignment.ts';
import { getRow } from './devices.ts';

interface WhichBuilds {
  readonly product?: string | undefined;
  readonly version?: string | undefined;
}

export interface Cleared {
  /** The versions, each once. */
  cleared: string[];
  builds: ClearedBuild[];
}

/** Clears every failed build of the device, or the one that is named. Throws `device_unknown`. */
export async function clearKnownBad(
  deps: Deps,
  ref: DeviceRef,
  which: WhichBuilds,
  by: Principal,
  nowMs: number,
): Promise<Cleared> {
  // What the device said last of its client may not be stored yet.
  await deps.presence.flush();
  return deps.database.write(async (trx) => {
    const device = await getRow(trx, ref);
    const { cleared, builds } = await clearWithin(trx, await deps.catalog.within(trx), device, which, nowMs);
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'device.clear_known_bad',
      subject: device.first_name,
      details: { versions: cleared },
    });
    return { cleared, builds };
  });
}

/** The same in the transaction of the caller, who tells of it. */
export async function clearWithin(
  trx: Trx,
  view: CatalogView,
  device: SeenDeviceRow,
  which: WhichBuilds,
  nowMs: number,
): Promise<Cleared> {
  const failed = (await listFailed(trx, [device.id])).filter((row) => isMeant(row, which, view));
  const clearedBefore = await listForgivenBuilds(trx, device.id);
  await forgive(
    trx,
    failed.map(({ id }) => id),
  );
  const builds = [...Map.groupBy(failed, ({ firmware_id }) => firmware_id)].flatMap(([firmwareId, ofBuild]) =>
    viewCleared(ofBuild, { view, device, wasCleared: clearedBefore.has(firmwareId), nowMs }),
  );
  return { cleared: [...new Set(builds.map(({ version }) => version))], builds };
}

function isMeant(row: AssignmentRow, which: WhichBuilds, view: CatalogView): boolean {
  const firmware = view.findBuild(row.firmware_id, row.image_id)?.firmware;
  return (
    firmware !== undefined &&
    (which.version === undefined || firmware.version === which.version) &&
    (which.product === undefined || firmware.product === which.product)
  );
}

/** What stood against one build on the device. */
function viewCleared(
  ofBuild: readonly AssignmentRow[],
  at: {
    readonly view: CatalogView;
    readonly device: SeenDeviceRow;
    readonly wasCleared: boolean;
    readonly nowMs: number;
  },
): readonly ClearedBuild[] {
  const [first] = ofBuild;
  const firmware = first === undefined ? undefined : at.view.findBuild(first.firmware_id, first.image_id)?.firmware;
  if (firmware === undefined) return [];
  const ends = ofBuild.map(assignmentEndOf);
  const history = historyOf(ends, at.nowMs);
  const refused = ends.some(({ state, cause }) => state === 'rejected' && cause === 'known_bad');
  const note = noteOfPardon({
    version: firmware.version,
    wasKnownBad: history.knownBad,
    refusedAgain: refused && at.wasCleared,
    library: libraryOf(at.device),
  });
  return [
    {
      product: firmware.product,
      version: firmware.version,
      failures: history.failedAttempts,
      known_bad: history.knownBad,
      last_error: history.lastError ?? null,
      note: note ?? null,
    },
  ];
}

function libraryOf({ attributes }: SeenDeviceRow): string | undefined {
  const { library }: { readonly library?: unknown } = JSON.parse(attributes);
  return typeof library === 'string' ? library : undefined;
}
