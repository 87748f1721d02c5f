// Which stored image an address means. The bytes behind one address never change; those of a blocked firmware are not
// given out any more.

import { OtterError } from '#protocol/errors.ts';
import type { Manifest } from '#protocol/device/manifest.ts';
import type { StoredFirmware, StoredImage as ImageRecord } from '#server/db/firmware/catalog.ts';
import type { StoredImage } from '#server/storage/stored-image.ts';
import type { Deps } from '#server/service/deps.ts';
import { manifestOf } from '#server/service/firmware/manifest.ts';

export interface ImageAddress {
  /** Undefined in the short form of the address. */
  readonly product: string | undefined;
  readonly version: string;
  readonly chip: string | undefined;
}

export interface Download {
  readonly firmware: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly imageId: number;
  readonly image: StoredImage;
}

/** Opens the image; the caller closes it. Throws `image_unknown`, `version_ambiguous`, `firmware_blocked`, `blob_corrupt`. */
export async function openDownload(deps: Deps, address: ImageAddress): Promise<Download> {
  const { firmware, image } = await getImage(deps, address);
  if (firmware.blocked)
    throw new OtterError(
      'firmware_blocked',
      `firmware ${firmware.product} ${firmware.version} is blocked`,
      'check for an update: another one is offered',
    );
  const stored = await deps.store.open(
    { product: firmware.product, version: firmware.version, chip: image.chip },
    { sizeBytes: image.sizeBytes, chunkSha256: image.blockSha256 },
  );
  return {
    firmware: `${firmware.product} ${firmware.version} ${image.chip}`,
    sizeBytes: image.sizeBytes,
    sha256: image.sha256,
    imageId: image.id,
    image: stored,
  };
}

export async function getManifest(deps: Deps, address: ImageAddress): Promise<Manifest> {
  const { firmware, image } = await getImage(deps, address);
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
        .filter(({ chip }) => address.chip === undefined || chip === address.chip)
        .map((image) => ({ firmware, image })),
    );
  const [found, ...others] = candidates;
  if (found === undefined)
    throw new OtterError(
      'image_unknown',
      `there is no image ${[address.product, address.version, address.chip].filter((part) => part !== undefined).join(' ')}`,
      'take the address from the answer of check-update',
    );
  if (others.length > 0) {
    throw new OtterError(
      'version_ambiguous',
      `version ${address.version} has several images: ${candidates.map(({ firmware, image }) => `${firmware.product}/${image.chip}`).join(', ')}`,
      'use the long form /firmware/{product}/{version}/{chip}/image.bin',
    );
  }
  return found;
}
