// Tells an application from the other images that are well-formed: a bootloader, and a program that runs from RAM. An application
// runs from flash, so one of its segments lies in the chip's flash window; the two others have all of theirs in RAM.

import { OtterError } from '#protocol/errors.ts';
import { DESCRIPTOR_MAGIC, hasAppDescriptor } from './app-descriptor.ts';
import { refuseFlashImage } from './flash-image.ts';
import { isFlashAddress } from './flash-windows.ts';
import { APP_IMAGE_HINT } from './hints.ts';
import type { ImageLayout, Segment } from './image-layout.ts';

/** A bootloader ends before the partition table, at 0x8000 unless the build moved that: none is this large. */
const LARGEST_BOOTLOADER_BYTES = 0x10000;

/** Throws `merged_image`, `ram_image` or `bootloader_image` for a well-formed image that is no application. */
export function refuseOtherImages(file: Buffer, layout: ImageLayout): void {
  const { chip } = layout.header;
  const { segments } = layout;
  if (segments.some(({ loadAddress }) => isFlashAddress(chip, loadAddress))) return;
  // Old descriptors alone say nothing, and of a chip that is not known yet neither do addresses: what has both is believed.
  if (hasAppDescriptor(file, segments) && segments.some(({ loadAddress }) => isFlashAddress('', loadAddress))) return;
  refuseFlashImage(file);
  if (file.length > LARGEST_BOOTLOADER_BYTES || segments.some((segment) => hasDescriptor(file, segment))) {
    throw new OtterError(
      'ram_image',
      `The image for ${chip} runs from RAM: none of its ${segments.length} segments runs from flash. A bootloader does not start it from an OTA slot.`,
      `Build without CONFIG_APP_BUILD_TYPE_RAM (a loader or flasher stub is built like this). ${APP_IMAGE_HINT}`,
    );
  }
  throw new OtterError(
    'bootloader_image',
    `The image for ${chip} is a bootloader: no app descriptor at offset 0x20, and none of its ${segments.length} segments runs from flash.`,
    APP_IMAGE_HINT,
  );
}

function hasDescriptor(file: Buffer, { offset, sizeBytes }: Segment): boolean {
  return sizeBytes >= 4 && file.readUInt32LE(offset) === DESCRIPTOR_MAGIC;
}
