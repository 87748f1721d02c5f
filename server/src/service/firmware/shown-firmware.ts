// Keeps what people see of the store as the database says it. A failure costs nobody more than the sight: it is logged, and
// tried again with the next sweep.

import { listBlobs } from '#server/db/firmware/blobs.ts';
import type { StoredFirmware, StoredImage } from '#server/db/firmware/catalog.ts';
import type { ShownImage } from '#server/storage/shown-images.ts';
import { hideImage, listShown, showImage } from '#server/storage/shown-images.ts';
import type { ImageDeps } from './image-deps.ts';
import { manifestOf } from './manifest.ts';

type ShowDeps = Pick<ImageDeps, 'database' | 'catalog' | 'folders' | 'log'>;

/** Shows the image that was uploaded just now. Never throws. */
export async function showUploaded(deps: ShowDeps, product: string, version: string, folder: string): Promise<void> {
  try {
    const firmware = (await deps.catalog.current()).findFirmware(product, version);
    const image = firmware?.images.find((one) => one.folder === folder);
    if (firmware !== undefined && image !== undefined) await showImage(deps.folders, toShown(firmware, image));
  } catch (error) {
    deps.log.warn({ err: error, product, version, folder }, CANNOT_SHOW);
  }
}

/**
 * Shows every image, and hides those that are no more; what is not of this database stays. Never throws; one that cannot be
 * shown keeps no other back.
 */
export async function showAll({ database, catalog, folders, log }: ShowDeps): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => failures.push(error));
  };
  await attempt(async () => {
    // Looked up before the catalog: what is shown from then on is of an image that this catalog may not know.
    const shown = await listShown(folders);
    const images = (await catalog.current()).listImages().map(({ firmware, image }) => toShown(firmware, image));
    const named = new Set(images.map(({ place }) => keyOf(place)));
    for (const image of images) await attempt(async () => showImage(folders, image));
    const gone = shown.filter(({ place }) => !named.has(keyOf(place)));
    if (gone.length === 0) return;
    const own = await listBlobs(database.read);
    for (const { place, sha256 } of gone) if (own.has(sha256)) await attempt(async () => hideImage(folders, place));
  });
  if (failures.length > 0) log.warn({ err: failures[0], failures: failures.length }, CANNOT_SHOW);
}

const CANNOT_SHOW = 'images and manifests cannot be shown in the folder of the store; devices are served all the same';

export function toShown(firmware: StoredFirmware, image: StoredImage): ShownImage {
  return {
    place: { product: firmware.product, version: firmware.version, chip: image.folder },
    sha256: image.sha256,
    sizeBytes: image.sizeBytes,
    manifest: manifestOf({ ...firmware, image }),
  };
}

function keyOf({ product, version, chip }: ShownImage['place']): string {
  return `${product}/${version}/${chip}`;
}
