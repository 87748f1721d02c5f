// Whether the bytes of images are there and whole: reads them again when it is time, remembers what it found, and says what is
// wrong. It mends nothing: an upload of the same bytes does.

import { OtterError } from '#protocol/errors.ts';
import { DAMAGED_CHECK_MS, IMAGE_CHECK_BYTES, IMAGE_CHECK_MS } from '#protocol/limits.ts';
import {
  findImageToCheck,
  type ImageToCheck,
  listDamaged,
  listDueChecks,
  saveCheck,
} from '#server/db/firmware/image-checks.ts';
import type { ImageDeps } from './image-deps.ts';

type CheckDeps = Pick<ImageDeps, 'database' | 'store' | 'log'>;

/** Images of one statement; a tick reads as many as its bytes allow. */
const CHECKS_AT_ONCE = 50;

/** Reads images whose check is due, at most as many bytes as one tick may. Resolves with whether there were any. */
export async function checkDue(deps: CheckDeps, nowMs: number): Promise<boolean> {
  const due = await listDueChecks(
    deps.database.read,
    { beforeMs: nowMs - IMAGE_CHECK_MS, damagedBeforeMs: nowMs - DAMAGED_CHECK_MS, aheadMs: nowMs + DAMAGED_CHECK_MS },
    CHECKS_AT_ONCE,
  );
  let leftBytes = IMAGE_CHECK_BYTES;
  for (const image of due) {
    if (image.size_bytes > leftBytes && leftBytes < IMAGE_CHECK_BYTES) break;
    leftBytes -= image.size_bytes;
    await checkImage(deps, image, nowMs);
  }
  return due.length > 0;
}

/** A reader met damage: the image is read whole, so that `otter status` names it. Never throws. */
export async function noteDamage(deps: CheckDeps, imageId: number, nowMs: number): Promise<void> {
  try {
    const image = await findImageToCheck(deps.database.read, imageId);
    if (image?.damage === null) await checkImage(deps, image, nowMs);
  } catch (error) {
    deps.log.warn({ err: error }, 'a damaged image could not be noted; the next check finds it');
  }
}

async function checkImage({ database, store, log }: CheckDeps, image: ImageToCheck, nowMs: number): Promise<void> {
  const { sha256 } = image;
  const damage = (await store.check(sha256, image.size_bytes)) ?? null;
  // A check that is lost is made again.
  await database.writeSoft(async (trx) => saveCheck(trx, sha256, { atMs: nowMs, damage }));
  if (damage !== null) log.warn({ image: nameOf(image), damage, sha256 }, 'a stored image is damaged: upload it again');
}

export interface ImageFault {
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly fault: string;
}

/** Images that are not there now, and those of which a check said that they are damaged. */
export async function listFaults(
  deps: Pick<ImageDeps, 'database' | 'catalog' | 'store'>,
): Promise<readonly ImageFault[]> {
  const missing = await listMissing(deps);
  const known = new Set(missing.map(nameOf));
  const damaged = (await listDamaged(deps.database.read)).filter((image) => !known.has(nameOf(image)));
  return [
    ...missing,
    ...damaged.map(({ product, version, chip, damage }) => ({ product, version, chip, fault: damage })),
  ];
}

/**
 * Why this server cannot give out all images that it may be asked for: files that are not in the store. Undefined where all
 * are there. Those of blocked firmware are given to nobody. Throws what the database throws.
 */
export async function findStoreProblem(
  deps: Pick<ImageDeps, 'database' | 'catalog' | 'store'>,
): Promise<OtterError | undefined> {
  const missing = (await listMissing(deps)).filter(({ isBlocked }) => !isBlocked);
  if (missing.length === 0) return undefined;
  const images = missing.length === 1 ? '1 image is' : `${missing.length} images are`;
  return new OtterError(
    'unavailable',
    `${images} not in the store, or not whole`,
    'is the folder of the store (storage.root) there? otter status names them; upload the same files again',
    { retryAfterS: 5 },
  );
}

/** Looks at names and sizes, and reads nothing. */
async function listMissing({ catalog, store }: Pick<ImageDeps, 'catalog' | 'store'>) {
  const missing: (ImageFault & { readonly isBlocked: boolean })[] = [];
  for (const { firmware, image } of (await catalog.current()).listImages()) {
    const isThere = await store.has(image.sha256, image.sizeBytes).catch(() => false);
    if (isThere) continue;
    const { product, version, blocked: isBlocked } = firmware;
    missing.push({
      product,
      version,
      chip: image.chip,
      fault: 'the file is missing, or not as long as it was',
      isBlocked,
    });
  }
  return missing;
}

function nameOf(image: Pick<ImageFault, 'product' | 'version' | 'chip'>): string {
  return `${image.product} ${image.version} ${image.chip}`;
}
