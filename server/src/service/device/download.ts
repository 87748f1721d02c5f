// Which stored image an address means. The bytes behind one address never change; those of a blocked firmware are not
// given out any more.

import { OtterError } from '#protocol/errors.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import type { StoredFirmware, StoredImage as ImageRecord } from '#server/db/firmware/catalog.ts';
import type { StoredImage } from '#server/storage/stored-image.ts';
import type { Deps } from '#server/service/deps.ts';
import { requireGiven, type Speaker } from '#server/service/identity/speaker.ts';
import { noteDamage } from '#server/service/firmware/image-checks.ts';
import { manifestOf } from '#server/service/firmware/manifest.ts';

export interface ImageAddress {
  /** Undefined in the short form of the address. */
  readonly product: string | undefined;
  readonly version: string;
  readonly folder: string | undefined;
}

export interface Download {
  readonly firmware: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly imageId: number;
  /** See `StoredImage`. */
  readonly read: StoredImage['read'];
  readonly close: StoredImage['close'];
}

/**
 * Opens the image; the caller closes it. Damage that its readers meet is noted for `otter status`. Throws `image_unknown`,
 * `version_ambiguous`, `firmware_blocked`, `blob_corrupt`, and as `requireGiven`.
 */
export async function openDownload(
  deps: Deps,
  {
    address,
    speaker,
    assignmentId,
  }: { readonly address: ImageAddress; readonly speaker: Speaker; readonly assignmentId: number | undefined },
  nowMs: number,
): Promise<Download> {
  const { firmware, image } = await getImage(deps, address);
  await requireGiven(deps, speaker, { imageId: image.id, assignmentId });
  if (firmware.blocked)
    throw new OtterError(
      'firmware_blocked',
      `firmware ${firmware.product} ${firmware.version} is blocked`,
      'check for an update: another one is offered',
    );
  const noting = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (error instanceof OtterError && error.code === 'blob_corrupt') await noteDamage(deps, image.id, nowMs);
      throw error;
    }
  };
  const { product, version } = firmware;
  const { sha256, sizeBytes, blockSha256 } = image;
  const stored = await noting(async () =>
    deps.store.open({ name: `${product} ${version} for ${image.folder}`, sha256, sizeBytes, blockSha256 }),
  );
  return {
    firmware: `${firmware.product} ${firmware.version} ${image.folder}`,
    sizeBytes: image.sizeBytes,
    sha256: image.sha256,
    imageId: image.id,
    read: (range) => notingPieces(stored.read(range), noting),
    close: stored.close,
  };
}

async function* notingPieces(
  pieces: AsyncGenerator<Buffer, void>,
  noting: <T>(read: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Buffer, void> {
  for (;;) {
    const next = await noting(async () => pieces.next());
    if (next.done === true) return;
    yield next.value;
  }
}

/** Throws `image_unknown`, `version_ambiguous`, and as `requireGiven`. */
export async function getManifest(deps: Deps, address: ImageAddress, speaker: Speaker): Promise<Manifest> {
  const { firmware, image } = await getImage(deps, address);
  await requireGiven(deps, speaker, { imageId: image.id });
  return manifestOf({ ...firmware, image });
}

async function getImage(
  deps: Deps,
  address: ImageAddress,
): Promise<{ readonly firmware: StoredFirmware; readonly image: ImageRecord }> {
  const view = await deps.catalog.current();
  const candidates = view
    .listByVersion(address.version)
    .filter(({ product }) => address.product === undefined || product === address.product)
    .flatMap((firmware) =>
      firmware.images
        .filter(({ folder }) => address.folder === undefined || folder === address.folder)
        .map((image) => ({ firmware, image })),
    );
  const [found, ...others] = candidates;
  if (found === undefined)
    throw new OtterError(
      'image_unknown',
      `there is no image ${[address.product, address.version, address.folder].filter((part) => part !== undefined).join(' ')}`,
      'take the address from the answer of check-update',
    );
  if (others.length > 0) {
    throw new OtterError(
      'version_ambiguous',
      `version ${address.version} has several images: ${candidates.map(({ firmware, image }) => `${firmware.product}/${image.folder}`).join(', ')}`,
      'use the long form /firmware/{product}/{version}/{chip}/image.bin',
    );
  }
  return found;
}
