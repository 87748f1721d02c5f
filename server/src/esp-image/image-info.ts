// What a file says of itself and of its hardware, as operators see it and as it is stored.

import type { ImageInfo } from '#protocol/admin/firmware.ts';
import { ownDescriptorOf } from './build-name.ts';
import type { EspImage } from './esp-image.ts';

export function infoOf(image: EspImage): ImageInfo {
  const { descriptor } = image;
  const own = ownDescriptorOf(image);
  return {
    project: textOrNull(own?.projectName),
    version: textOrNull(own?.version),
    idf_version: textOrNull(descriptor?.idfVersion),
    compiled_at: textOrNull(own?.compiledAt),
    min_chip_revision: image.minChipRevision,
    max_chip_revision: image.maxChipRevision ?? null,
    flash_bytes: image.flashSizeBytes ?? null,
    signature: image.signature ?? null,
  };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
