// Firmware for operators: list, mark as ready for the pilot, block and unblock. Uploading is in `upload.ts`.

import type { BlockAnswer, Firmware, ImageInfo, WayBack } from '#protocol/admin/firmware.ts';
import { chipOfFolder, imagePath } from '#protocol/device/api.ts';
import { OtterError } from '#protocol/errors.ts';
import { supersedeOpen } from '#server/db/device/assignments.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { countBuilds, listRunVersions } from '#server/db/fleet/devices.ts';
import {
  type Firmware as FirmwareRow,
  type Image as ImageRow,
  listFirmware as listRows,
  listFirmwareByVersion,
  listImages,
  digestsOf,
  setBlocked,
  saveRequired,
  setPilotReady as savePilotReady,
} from '#server/db/firmware/firmware.ts';
import { readSignatures } from '#server/db/firmware/signatures.ts';
import { endWatchesOf } from '#server/db/rollouts/open.ts';
import { listUnended, withStages } from '#server/db/rollouts/rollouts.ts';
import { coverRequired } from '#server/db/rollouts/images.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { matchBuild } from '#engine/facts/build.ts';
import { versionKey } from '#protocol/device/version.ts';
import type { CatalogView } from './catalog.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';
import { viewNote } from '#server/service/names/stored-note.ts';
import { openStagesOf, storeMove } from '#server/service/rollouts/store-move.ts';
import { wayBackOfBlock } from '#server/service/rollouts/way-back.ts';

/** A version, and the product where several have it. */
export interface FirmwareName {
  readonly version: string;
  readonly product?: string | undefined;
}

export async function listFirmware(
  deps: Deps,
  query: ListQuery & { readonly product?: string | undefined; readonly channel?: string | undefined },
): Promise<Listed<Firmware>> {
  const { read } = deps.database;
  const page = await listRows(
    read,
    { product: query.product, channel: query.channel },
    readPage(query, { created_at: 'firmware.created_at_ms' }, '-created_at'),
  );
  return toListed(page, await viewFirmware(read, await deps.catalog.current(), page.rows));
}

/** Throws `firmware_unknown`, `version_ambiguous`. */
export async function getFirmware(deps: Deps, name: FirmwareName): Promise<Firmware> {
  const { read } = deps.database;
  return viewOne(read, await deps.catalog.current(), await getRow(read, name));
}

export async function setPilotReady(
  deps: Deps,
  name: FirmwareName,
  ready: boolean,
  by: Principal,
  nowMs: number,
): Promise<Firmware> {
  await changeFirmware(
    deps,
    name,
    { action: ready ? 'firmware.ready' : 'firmware.not_ready', by, nowMs },
    async (trx, row) => {
      if (ready) refuseBlocked(row);
      await savePilotReady(trx, row.id, ready);
    },
  );
  return getFirmware(deps, name);
}

/**
 * Makes it a required version, which older devices do not skip, or lifts that. Rollouts under way lead over the images that it has
 * now; marked once more, over those that were added since.
 */
export async function setRequired(
  deps: Deps,
  name: FirmwareName,
  isRequired: boolean,
  by: Principal,
  nowMs: number,
): Promise<Firmware> {
  const action = isRequired ? 'firmware.require' : 'firmware.unrequire';
  await changeFirmware(deps, name, { action, by, nowMs }, async (trx, row) => {
    await saveRequired(trx, row.id, isRequired);
    if (isRequired) await coverRequired(trx, row);
  });
  return getFirmware(deps, name);
}

/** One transaction: the catalog is another one after it, and the audit says who changed what. */
async function changeFirmware(
  deps: Deps,
  name: FirmwareName,
  { action, by, nowMs }: { readonly action: string; readonly by: Principal; readonly nowMs: number },
  save: (trx: Trx, row: FirmwareRow) => Promise<void>,
): Promise<void> {
  await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    const row = await getRow(trx, name);
    await save(trx, row);
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action, subject: subjectOf(row) });
  });
}

/**
 * No offer of this firmware from the next check on: its rollouts are aborted, and devices that run it are offered the
 * prior stable one, which the answer names. Blocking twice changes nothing but the reason.
 */
export async function blockFirmware(
  deps: Deps,
  name: FirmwareName,
  reason: string | undefined,
  by: Principal,
  nowMs: number,
): Promise<BlockAnswer> {
  // Asked before, so that the write is short: the rules about every device that runs it.
  const { goes_to, stays, other_builds, devices_running, prior_stable } = await previewBlock(deps, name);
  const aborted_rollouts = await deps.database.write(async (trx) => {
    await raiseRevision(trx);
    return blockRow(trx, await getRow(trx, name), { reason, by, nowMs, prior_stable });
  });
  const firmware = await getFirmware(deps, name);
  return { firmware, aborted_rollouts, devices_running, other_builds, prior_stable, goes_to, stays };
}

/** Blocks it; the caller has raised the revision. Answers the names of the rollouts that this ended. */
export async function blockRow(
  trx: Trx,
  row: FirmwareRow,
  {
    reason,
    by,
    nowMs,
    prior_stable,
  }: {
    readonly reason: string | undefined;
    readonly by: Principal;
    readonly nowMs: number;
    readonly prior_stable: string | null;
  },
): Promise<string[]> {
  await setBlocked(trx, row.id, { reason: reason ?? 'blocked by an operator' });
  const rollouts = await withStages(trx, await listUnended(trx, row.id));
  for (const rollout of rollouts) {
    const why = 'its firmware was blocked';
    const change = { status: 'aborted' as const, ended_at_ms: nowMs, ended_reason: why };
    const move = { change, closes: openStagesOf(rollout), opens: undefined };
    await storeMove(trx, rollout, move, { actor: actorOf(by), reason: why, nowMs });
    await supersedeOpen(trx, rollout.id, nowMs);
  }
  await endWatchesOf(trx, row.id);
  const aborted = rollouts.map((rollout) => rollout.name);
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'firmware.block',
    subject: subjectOf(row),
    details: { reason, aborted, prior_stable },
  });
  return aborted;
}

/** What `blockFirmware` would do to the devices that run it. Throws `firmware_unknown`, `version_ambiguous`. */
export async function previewBlock(deps: Deps, name: FirmwareName): Promise<WayBack> {
  return wayBackOfBlock(deps, await getRow(deps.database.read, name));
}

export async function unblockFirmware(deps: Deps, name: FirmwareName, by: Principal, nowMs: number): Promise<Firmware> {
  await changeFirmware(deps, name, { action: 'firmware.unblock', by, nowMs }, async (trx, row) =>
    setBlocked(trx, row.id, undefined),
  );
  return getFirmware(deps, name);
}

/** The one firmware that the name means. Throws `firmware_unknown`, or `version_ambiguous` with the products. */
export async function getRow(db: Reader, name: FirmwareName): Promise<FirmwareRow> {
  const [row, ...others] = await listFirmwareByVersion(db, name.version, name.product);
  if (row === undefined) {
    throw new OtterError(
      'firmware_unknown',
      `there is no firmware ${name.product === undefined ? '' : `${name.product} `}${name.version}`,
      'look at the list of firmware; upload it first',
    );
  }
  if (others.length > 0) {
    throw new OtterError(
      'version_ambiguous',
      `several products have version ${name.version}: ${[row, ...others].map(({ product }) => product).join(', ')}`,
      'say which product',
    );
  }
  return row;
}

export function refuseBlocked(row: FirmwareRow): void {
  if (row.blocked === 1)
    throw new OtterError(
      'firmware_blocked',
      `firmware ${subjectOf(row)} is blocked: ${row.blocked_reason ?? ''}`,
      'unblock it first, or upload a newer version',
    );
}

export function subjectOf(row: { readonly product: string; readonly version: string }): string {
  return `${row.product} ${row.version}`;
}

export function viewImage(
  firmware: { readonly product: string; readonly version: string },
  row: ImageRow,
): Firmware['images'][number] {
  return {
    chip: chipOfFolder(row.folder),
    size_bytes: row.size_bytes,
    sha256: row.sha256,
    url: imagePath({ ...firmware, folder: row.folder }),
    created_at: toInstant(row.created_at_ms),
    signed: viewSigned(row.signed),
    info: readInfo(row.info),
  };
}

function viewSigned(stored: string | null): Firmware['images'][number]['signed'] {
  const found = readSignatures(stored);
  if (found === undefined) return null;
  const { created_at, expires_at, signatures } = found;
  return { created_at, expires_at, key_ids: signatures.map(({ key_id }) => key_id) };
}

/** As it was stored; null: not read yet. */
function readInfo(stored: string | null): ImageInfo | null {
  if (stored === null) return null;
  const info: ImageInfo = JSON.parse(stored);
  return info;
}

async function viewOne(db: Reader, view: CatalogView, row: FirmwareRow): Promise<Firmware> {
  const [firmware] = await viewFirmware(db, view, [row]);
  if (firmware === undefined) throw new Error('a firmware without a view');
  return firmware;
}

async function viewFirmware(db: Reader, view: CatalogView, rows: readonly FirmwareRow[]): Promise<Firmware[]> {
  const images = Map.groupBy(
    await listImages(
      db,
      rows.map(({ id }) => id),
    ),
    ({ firmware_id }) => firmware_id,
  );
  const running = await countRunning(db, rows, images);
  return rows.map((row) => ({
    product: row.product,
    version: row.version,
    channel: row.channel,
    release_notes: row.release_notes,
    note: viewNote(row),
    security_version: row.security_version,
    pilot_ready: row.pilot_ready === 1,
    required: row.required === 1,
    must_pass: row.required === 1,
    blocked: row.blocked === 1,
    blocked_reason: row.blocked_reason,
    stable: view.stableOf(row.product)?.firmware.id === row.id,
    created_at: toInstant(row.created_at_ms),
    images: (images.get(row.id) ?? []).map((image) => viewImage(row, image)),
    devices: running.get(row.id) ?? 0,
  }));
}

/** How many devices run it, for who may not remove it then. */
export async function countDevicesOn(db: Reader, row: FirmwareRow): Promise<number> {
  const images = Map.groupBy(await listImages(db, [row.id]), ({ firmware_id }) => firmware_id);
  return (await countRunning(db, [row], images)).get(row.id) ?? 0;
}

/** How many devices run each of these. */
async function countRunning(
  db: Reader,
  rows: readonly FirmwareRow[],
  images: ReadonlyMap<number, readonly ImageRow[]>,
): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  for (const [product, firmware] of Map.groupBy(rows, (row) => row.product)) {
    const keys = new Set(firmware.map(({ version }) => versionKey(version)));
    const said = (await listRunVersions(db, product)).filter((version) => keys.has(versionKey(version)));
    const builds = await countBuilds(db, product, said);
    for (const { id, version } of firmware) {
      const build = { version, images: (images.get(id) ?? []).map(digestsOf) };
      const running = builds.filter(
        (seen) =>
          matchBuild(build, { version: seen.version, imageSha256: seen.image_sha256 ?? undefined }) === 'runs_it',
      );
      counts.set(
        id,
        running.reduce((sum, { devices }) => sum + devices, 0),
      );
    }
  }
  return counts;
}
