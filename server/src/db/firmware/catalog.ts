// What decisions read beside the device itself: firmware with images, open and completed rollouts, windows. Small, read
// often and changed seldom, so each server process keeps a copy under its revision; every transaction that changes any of
// it raises the revision first, which also makes such transactions wait for each other.

import { type Selectable, sql } from 'kysely';
import { chipOfFolder } from '#protocol/device/api.ts';
import type { ImageInfo } from '#protocol/admin/firmware.ts';
import type { FirmwareFacts, ImageFacts, RolloutFacts, RolloutStatus } from '#engine/facts/model.ts';
import { digestsOf } from './firmware.ts';
import { loadConfigurations, type StoredConfiguration } from './configurations.ts';
import { listReleaseKeys } from './release-keys.ts';
import {
  endsAtMsOf,
  isForProduct,
  readSignatures,
  type SignedPart,
  type SignersOf,
  type StoredSignatures,
  type TrustedKey,
} from './signatures.ts';
import { type BudgetRow, listBudgets } from '#server/db/fleet/budgets.ts';
import { type FreezeRow, listFreezes } from '#server/db/fleet/holds.ts';
import { isOpened, rolloutFactsOf } from '#server/db/rollouts/facts.ts';
import { listCovered, listRevertedImages } from '#server/db/rollouts/images.ts';
import type { FirmwareTable, ImagesTable, Reader, SchedulesTable, Trx } from '#server/db/schema.ts';

export interface CatalogRows {
  readonly revision: number;
  readonly firmware: readonly StoredFirmware[];
  readonly trustedKeys: readonly TrustedKey[];
  /** By product. */
  readonly configurations: ReadonlyMap<string, StoredConfiguration>;
  /** Running, paused, halted, complete or regressed, each at its open (or last) stage; the one started latest first. */
  readonly rollouts: readonly RolloutFacts[];
  readonly windows: readonly Selectable<SchedulesTable>[];
  /** Products that are frozen. */
  readonly freezes: readonly FreezeRow[];
  readonly budgets: readonly BudgetRow[];
  /** Time zones of the labels that have one. */
  readonly zones: readonly { readonly label: string; readonly timezone: string }[];
}

export interface StoredFirmware extends FirmwareFacts {
  readonly channel: string;
  readonly releaseNotes: string;
  readonly createdAtMs: number;
  readonly images: readonly StoredImage[];
}

export interface StoredImage extends ImageFacts {
  /** The rollout that released it was reverted. */
  readonly reverted: boolean;
  readonly path: string;
  /** Under which name it lies beside the other images of its firmware. */
  readonly folder: string;
  /** What its app descriptor says, as the build system wrote it. */
  readonly saidVersion: string | undefined;
  readonly blockSha256: readonly string[];
  readonly createdAtMs: number;
  readonly signatures: StoredSignatures | undefined;
}

/** To be called first in every transaction that changes firmware, images, rollouts, stages or schedules. */
export async function raiseRevision(trx: Trx): Promise<void> {
  await trx
    .updateTable('catalog')
    .set({ revision: sql`revision + 1` })
    .where('id', '=', 1)
    .execute();
}

export async function getRevision(db: Reader): Promise<number> {
  const { revision } = await db.selectFrom('catalog').select('revision').where('id', '=', 1).executeTakeFirstOrThrow();
  return revision;
}

/** Reads the whole catalog; call it in a transaction so that its parts belong together. `signersOf` verifies, once for each signature. */
export async function loadCatalog(db: Reader, signersOf: SignersOf): Promise<CatalogRows> {
  const revision = await getRevision(db);
  const images = await db.selectFrom('images').selectAll().orderBy('id').execute();
  const imagesOf = Map.groupBy(images, ({ firmware_id }) => firmware_id);
  const reverted = { firmware: await listReverted(db), images: await listRevertedImages(db) };
  const trustedKeys = (await listReleaseKeys(db)).filter(({ retired_at_ms }) => retired_at_ms === null);
  const signers = { trustedKeys, signersOf };
  const firmware = (await db.selectFrom('firmware').selectAll().orderBy('id').execute()).map((row) =>
    toFirmware(row, imagesOf.get(row.id) ?? [], reverted, signers),
  );
  const windows = await db
    .selectFrom('schedules')
    .selectAll()
    .where('action', '=', 'window')
    .where('enabled', '=', 1)
    .execute();
  return {
    revision,
    firmware,
    trustedKeys,
    configurations: await loadConfigurations(db, trustedKeys),
    rollouts: await loadRollouts(db, new Map(firmware.map((item) => [item.id, item]))),
    windows,
    freezes: await listFreezes(db),
    budgets: await listBudgets(db),
    zones: await listZones(db),
  };
}

/** Firmware whose rollout was reverted; none that has completed another one, for then it is the way back itself. */
async function listReverted(db: Reader): Promise<ReadonlySet<number>> {
  const rows = await db
    .selectFrom('rollouts')
    .select('firmware_id')
    .where('reverted_at_ms', 'is not', null)
    .where('firmware_id', 'not in', (nested) =>
      nested.selectFrom('rollouts as done').select('done.firmware_id').where('done.status', '=', 'complete'),
    )
    .execute();
  return new Set(rows.map(({ firmware_id }) => firmware_id));
}

async function listZones(db: Reader): Promise<CatalogRows['zones']> {
  const rows = await db.selectFrom('labels').select(['name', 'timezone']).orderBy('name').execute();
  return rows.flatMap(({ name, timezone }) => (timezone === null ? [] : [{ label: name, timezone }]));
}

/** Regressed ones are neither open nor stable; boards that run their build are watched. */
const LOADED = ['running', 'paused', 'halted', 'complete', 'regressed'] satisfies readonly RolloutStatus[];

async function loadRollouts(
  db: Reader,
  firmware: ReadonlyMap<number, StoredFirmware>,
): Promise<readonly RolloutFacts[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select([
      'id',
      'name',
      'status',
      'firmware_id',
      'seed',
      'counts_before_ms',
      'counts_simulated',
      'consent',
      'force_after_s',
    ])
    .where('status', 'in', LOADED)
    .orderBy('started_at_ms', 'desc')
    .orderBy('id', 'desc')
    .execute();
  const stages = await db
    .selectFrom('stages')
    .innerJoin('rollouts', 'rollouts.id', 'stages.rollout_id')
    .selectAll('stages')
    .where('rollouts.status', 'in', LOADED)
    .orderBy('stages.position')
    .execute();
  const covered = await listCovered(db);
  const stagesOf = Map.groupBy(stages, ({ rollout_id }) => rollout_id);
  return rows.flatMap((row) => {
    const build = firmware.get(row.firmware_id);
    const planned = stagesOf.get(row.id) ?? [];
    if (build === undefined || !planned.some(isOpened)) return [];
    return rolloutFactsOf(row, planned, { firmware: build, imageIds: covered.get(row.id) ?? [] }) ?? [];
  });
}

function toFirmware(
  row: Selectable<FirmwareTable>,
  images: readonly Selectable<ImagesTable>[],
  reverted: { readonly firmware: ReadonlySet<number>; readonly images: ReadonlySet<number> },
  { trustedKeys, signersOf }: { readonly trustedKeys: readonly TrustedKey[]; readonly signersOf: SignersOf },
): StoredFirmware {
  const keys = trustedKeys.filter(({ product }) => isForProduct(product, row.product));
  const facts = { product: row.product, version: row.version, securityVersion: row.security_version };
  const signedBy = (image: SignedPart): readonly string[] =>
    image.stored === undefined ? [] : signersOf({ ...facts, ...image, stored: image.stored }, keys);
  return {
    id: row.id,
    product: row.product,
    version: row.version,
    channel: row.channel,
    releaseNotes: row.release_notes,
    securityVersion: row.security_version,
    pilotReady: row.pilot_ready === 1,
    blocked: row.blocked === 1,
    reverted: reverted.firmware.has(row.id),
    isRequired: row.required === 1,
    createdAtMs: row.created_at_ms,
    images: images.map((image) => toImage(image, reverted.images.has(image.id), signedBy)),
  };
}

function toImage(
  row: Selectable<ImagesTable>,
  reverted: boolean,
  signedBy: (image: SignedPart) => readonly string[],
): StoredImage {
  const info: Partial<ImageInfo> = JSON.parse(row.info ?? '{}');
  const stored = readSignatures(row.signed);
  return {
    id: row.id,
    chip: chipOfFolder(row.folder),
    folder: row.folder,
    minChipRevision: info.min_chip_revision ?? 0,
    maxChipRevision: info.max_chip_revision ?? undefined,
    flashBytes: info.flash_bytes ?? undefined,
    saidVersion: info.version ?? undefined,
    path: row.path,
    sizeBytes: row.size_bytes,
    ...digestsOf(row),
    reverted,
    blockSha256: readTexts(row.block_sha256),
    createdAtMs: row.created_at_ms,
    signatures: stored,
    signedBy: signedBy({ chip: chipOfFolder(row.folder), sizeBytes: row.size_bytes, sha256: row.sha256, stored }),
    signatureEndsAtMs: endsAtMsOf(stored),
  };
}

function readTexts(json: string): readonly string[] {
  const parsed: unknown = JSON.parse(json);
  return Array.isArray(parsed) ? parsed.filter((item) => typeof item === 'string') : [];
}
