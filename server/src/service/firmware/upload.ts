// An image arrives: receive, parse, name, check against what is there, store the bytes, record. What is refused leaves neither
// row nor file; the same bytes once more are "already there", and mend what is stored of them.

import type { ImageInfo, UploadAnswer } from '#protocol/admin/firmware.ts';
import { chipOfFolder, imageFolder } from '#protocol/device/api.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import { DEFAULT_CHANNEL, DEFAULT_PRODUCT } from '#protocol/words.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { addBlob } from '#server/db/firmware/blobs.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import {
  addFirmware,
  addImage,
  type Firmware as FirmwareRow,
  type Image as ImageRow,
  listFirmwareByVersion,
  listImages,
  listVersions,
} from '#server/db/firmware/firmware.ts';
import type { StoredSignatures } from '#server/db/firmware/signatures.ts';
import { saveCheck } from '#server/db/firmware/image-checks.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { type EspImage, parseEspImage } from '#server/esp-image/esp-image.ts';
import { infoOf } from '#server/esp-image/image-info.ts';
import { isSameProject, nameBuild, projectOf, type UploadClaims } from '#server/esp-image/build-name.ts';
import { compareVersions } from '#protocol/device/version.ts';
import { type ReceivedImage, receiveImage } from '#server/storage/receive-image.ts';
import type { Deps } from '#server/service/deps.ts';
import { findRemovedSha256 } from '#server/db/firmware/firmware-removal.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { getFirmware, refuseBlocked, subjectOf, viewImage } from './firmware.ts';
import { showUploaded } from './shown-firmware.ts';
import type { SignableImage } from '#server/service/signatures/check-signed.ts';
import { recordSignatures, signersOf } from '#server/service/signatures/stored-signatures.ts';
import { addedSignatures, requiredSignatures } from '#server/service/signatures/upload-signatures.ts';
import { orderWarnings, releaseWarnings, warnOfProject } from './upload-warnings.ts';

export interface Upload extends UploadClaims {
  readonly channel: string | undefined;
  readonly notes: string | undefined;
  readonly pilotReady: boolean;
  readonly sha256: string | undefined;
  readonly chip: string | undefined;
  /** Take it although its siblings say that they are another program. */
  readonly forceProject: boolean;
  /** What the computer of an operator signed of it. */
  readonly signed: SignedManifest | undefined;
  readonly source: AsyncIterable<Uint8Array>;
}

/**
 * Stores one image. Durable when it resolves. Throws what `parseEspImage` and `nameBuild` throw, and `sha_mismatch`,
 * `chip_mismatch`, `project_mismatch`, `version_exists`, `security_version_lower`, `firmware_blocked`, `storage_full`, `image_too_large`, and what
 * `checkSigned` throws; `signature_missing` where a release key is trusted for the product and nobody signed.
 */
export async function uploadFirmware(deps: Deps, upload: Upload, by: Principal, nowMs: number): Promise<UploadAnswer> {
  const candidate = await receiveCandidate(deps, upload, by, nowMs);
  const { product, version, received } = candidate;
  // Asked before anything is written, and once more under the lock: only an upload that another one overtakes leaves its bytes.
  await compare(deps.database.read, candidate);
  await deps.database.write(async (trx) => addBlob(trx, received.sha256, nowMs));
  const put = await deps.store.put(received.bytes, received.sha256);
  const stored = await deps.database.write(async (trx) => record(deps, trx, candidate, put));
  await showUploaded(deps, product, version, stored.image.folder);
  return answer(deps, stored);
}

interface Stored {
  readonly firmware: FirmwareRow;
  readonly image: ImageRow;
  readonly alreadyThere: boolean;
  readonly warnings: readonly string[];
}

interface Candidate {
  readonly upload: Upload;
  readonly received: ReceivedImage;
  readonly image: EspImage;
  readonly product: string;
  readonly version: string;
  readonly warnings: readonly string[];
  readonly by: Principal;
  readonly nowMs: number;
}

async function receiveCandidate(deps: Deps, upload: Upload, by: Principal, nowMs: number): Promise<Candidate> {
  const received = await receiveImage(upload.source, { maxBytes: deps.settings.maxImageBytes });
  if (upload.sha256 !== undefined && upload.sha256 !== received.sha256) {
    throw new OtterError(
      'sha_mismatch',
      `the bytes that arrived have SHA-256 ${received.sha256}, announced was ${upload.sha256}`,
      'send the file again',
    );
  }
  const image = parseEspImage(received.bytes);
  if (upload.chip !== undefined && upload.chip !== image.chip) {
    throw new OtterError(
      'chip_mismatch',
      `the image is for ${image.chip}, announced was ${upload.chip}`,
      'check which build this is, or leave out the chip',
    );
  }
  return { upload, received, image, ...nameBuild(image, upload, DEFAULT_PRODUCT), by, nowMs };
}

/** What is there beside the candidate, and what speaks against it without refusing it. */
type Compared =
  | {
      readonly kind: 'already_there';
      readonly firmware: FirmwareRow;
      readonly image: ImageRow;
      readonly signatures: StoredSignatures | undefined;
    }
  | {
      readonly kind: 'new';
      readonly signatures: StoredSignatures | undefined;
      readonly firmware: FirmwareRow | undefined;
      readonly folder: string;
      readonly warnings: readonly string[];
    };

/** Throws the refusal. */
async function compare(db: Reader, candidate: Candidate): Promise<Compared> {
  const { product, version, image, received } = candidate;
  const known = (await listFirmwareByVersion(db, version, product))[0];
  const siblings = known === undefined ? [] : await listImages(db, [known.id]);
  const same = siblings.find((sibling) => isForSameRevisions(sibling, image));
  if (known !== undefined && same !== undefined) {
    if (same.sha256 !== received.sha256) throw versionExists(known, same, received.sha256);
    return {
      kind: 'already_there',
      firmware: known,
      image: same,
      signatures: await addedSignatures(db, signableOf(candidate), candidate.upload.signed, same, candidate.nowMs),
    };
  }
  if (known !== undefined) refuseBlocked(known);
  const isFirst = !siblings.some(({ folder: taken }) => chipOfFolder(taken) === image.chip);
  const folder = imageFolder(image.chip, image.minChipRevision, isFirst);
  await refuseOtherBytes(db, { product, version, folder }, received.sha256);
  const otherProject = known === undefined ? undefined : findOtherProject(image, known, siblings);
  if (otherProject !== undefined && !candidate.upload.forceProject) throw projectMismatch(otherProject);
  await refuseSamePrecedence(db, product, version);
  await refuseLowerSecurity(db, candidate);
  const signatures = await requiredSignatures(db, signableOf(candidate), candidate.upload.signed, candidate.nowMs);
  const forced = otherProject === undefined ? [] : [`it was forced: ${otherProject}`];
  return {
    kind: 'new',
    signatures,
    firmware: known,
    folder,
    warnings: [...forced, ...(await warnOfProject(db, candidate))],
  };
}

function signableOf({ product, version, image, received }: Candidate): SignableImage {
  return {
    product,
    version,
    chip: image.chip,
    size_bytes: received.sizeBytes,
    sha256: received.sha256,
    security_version: image.descriptor?.secureVersion ?? 0,
  };
}

/** One image for each chip and the revision that it needs; of one that nobody has read yet, for each chip. */
function isForSameRevisions(sibling: ImageRow, image: EspImage): boolean {
  if (chipOfFolder(sibling.folder) !== image.chip) return false;
  const info: Partial<ImageInfo> = JSON.parse(sibling.info ?? '{}');
  return info.min_chip_revision === undefined || info.min_chip_revision === image.minChipRevision;
}

async function record(deps: Deps, trx: Trx, candidate: Candidate, put: 'written' | 'already_there'): Promise<Stored> {
  // Raised first: uploads of all servers, and removals of what no image has, go through here one after the other.
  await raiseRevision(trx);
  const { received, nowMs } = candidate;
  const compared = await compare(trx, candidate);
  // Removed after they were put, if nobody had them for an hour: put once more, where nobody can remove them.
  await addBlob(trx, received.sha256, nowMs);
  if (!(await deps.store.has(received.sha256, received.sizeBytes)))
    await deps.store.put(received.bytes, received.sha256);
  await saveCheck(trx, received.sha256, { atMs: nowMs, damage: null });
  return compared.kind === 'already_there'
    ? recordRepair(trx, candidate, compared, put)
    : recordNew(trx, candidate, compared);
}

async function recordRepair(
  trx: Trx,
  { received, warnings, by, nowMs }: Candidate,
  { firmware, image: before, signatures }: Extract<Compared, { readonly kind: 'already_there' }>,
  put: 'written' | 'already_there',
): Promise<Stored> {
  if (signatures !== undefined) await recordSignatures(trx, { firmware, image: before }, signatures, by, nowMs);
  const image = signatures === undefined ? before : { ...before, signed: JSON.stringify(signatures) };
  if (put === 'already_there') return { firmware, image, alreadyThere: true, warnings };
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'firmware.repair',
    subject: subjectOf(firmware),
    details: { chip: image.folder, sha256: received.sha256, size_bytes: received.sizeBytes },
  });
  const repaired = 'the stored file was missing or damaged: it is whole again';
  return { firmware, image, alreadyThere: true, warnings: [...warnings, repaired] };
}

async function recordNew(
  trx: Trx,
  candidate: Candidate,
  { firmware: known, folder, warnings, signatures }: Extract<Compared, { readonly kind: 'new' }>,
): Promise<Stored> {
  const { received, nowMs } = candidate;
  const firmware = known ?? (await addRow(trx, candidate));
  const row = await addImage(trx, {
    ...imageColumns(firmware, folder, candidate),
    signed: signatures === undefined ? null : JSON.stringify(signatures),
  });
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(candidate.by),
    action: 'firmware.add',
    subject: subjectOf(firmware),
    details: { chip: folder, sha256: received.sha256, size_bytes: received.sizeBytes, ...signersOf(signatures) },
  });
  return { firmware, image: row, alreadyThere: false, warnings: [...candidate.warnings, ...warnings] };
}

async function addRow(trx: Trx, { upload, product, version, image, nowMs }: Candidate): Promise<FirmwareRow> {
  return addFirmware(trx, {
    product,
    version,
    channel: upload.channel ?? DEFAULT_CHANNEL,
    release_notes: upload.notes ?? '',
    security_version: image.descriptor?.secureVersion ?? 0,
    pilot_ready: upload.pilotReady ? 1 : 0,
    required: 0,
    blocked: 0,
    blocked_reason: null,
    created_at_ms: nowMs,
  });
}

function imageColumns(firmware: FirmwareRow, folder: string, { received, image, product, version, nowMs }: Candidate) {
  return {
    firmware_id: firmware.id,
    folder,
    path: `${product}/${version}/${folder}/image.bin`,
    size_bytes: received.sizeBytes,
    sha256: received.sha256,
    elf_sha256: image.descriptor?.elfSha256 ?? null,
    info: JSON.stringify(infoOf(image)),
    appended_sha256: image.appendedSha256,
    project: projectOf(image) ?? null,
    block_sha256: JSON.stringify(received.blockSha256),
    checked_at_ms: nowMs,
    created_at_ms: nowMs,
  };
}

/** One version is one program: an image of another project, or of another product, would go out under its name. */
function findOtherProject(image: EspImage, firmware: FirmwareRow, siblings: readonly ImageRow[]): string | undefined {
  const project = projectOf(image);
  const other = siblings.find(
    (sibling) => sibling.project !== null && project !== undefined && !isSameProject(sibling.project, project),
  );
  return other === undefined
    ? undefined
    : `the image for ${image.chip} is of project ${project ?? ''}, that of ${subjectOf(firmware)} for ${other.folder} of project ${other.project ?? ''}`;
}

function projectMismatch(fault: string): OtterError {
  return new OtterError('project_mismatch', fault, 'check which build this is; --force-project if you are sure');
}

/** Two versions that differ in build metadata alone have no order: a device could not tell which is newer. */
async function refuseSamePrecedence(db: Reader, product: string, version: string): Promise<void> {
  const twin = (await listVersions(db, product)).find(
    (other) => other.version !== version && compareVersions(other.version, version) === 0,
  );
  if (twin === undefined) return;
  throw new OtterError(
    'version_exists',
    `version ${version} has the same precedence as ${twin.version}, which is there (SemVer does not order build metadata)`,
    'raise the version',
  );
}

async function refuseLowerSecurity(db: Reader, { product, image }: Candidate): Promise<void> {
  const secureVersion = image.descriptor?.secureVersion ?? 0;
  const highest = Math.max(0, ...(await listVersions(db, product)).map(({ security_version }) => security_version));
  if (!(secureVersion < highest)) return;
  throw new OtterError(
    'security_version_lower',
    `the image has security version ${secureVersion}, product ${product} is at ${highest}`,
    'boards that burned the higher one would not boot it; raise secure_version',
  );
}

/** An address never gives other bytes, also where its firmware was removed meanwhile. */
async function refuseOtherBytes(
  db: Reader,
  of: { readonly product: string; readonly version: string; readonly folder: string },
  sha256: string,
): Promise<void> {
  const removed = await findRemovedSha256(db, of);
  if (removed === undefined || removed === sha256) return;
  throw new OtterError(
    'version_exists',
    `${subjectOf(of)} for ${of.folder} was removed, and had other bytes: SHA-256 ${removed}, sent ${sha256}`,
    'a version never changes its bytes; raise the version',
  );
}

function versionExists(firmware: FirmwareRow, image: ImageRow, sha256: string): OtterError {
  return new OtterError(
    'version_exists',
    `${subjectOf(firmware)} for ${image.folder} is there with other bytes: stored SHA-256 ${image.sha256}, sent ${sha256}`,
    'a version never changes its bytes; raise the version',
  );
}

async function answer(deps: Deps, { firmware, image, alreadyThere, warnings }: Stored): Promise<UploadAnswer> {
  return {
    firmware: await getFirmware(deps, firmware),
    image: viewImage(firmware, image),
    already_there: alreadyThere,
    warnings: [
      ...warnings,
      ...(await orderWarnings(deps, firmware)),
      ...(await releaseWarnings(deps.database.read, firmware, image)),
    ],
  };
}
