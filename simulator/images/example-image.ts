// A real ESP32 program (Espruino) as a build of a product: with the marker that `OTTER_FIRMWARE` leaves, and sealed again. For
// the demo and for trying Otter without a board: no two versions have the same bytes, as with builds of one's own.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { encodeFirmwareMarker } from '#protocol/device/firmware-marker.ts';
import { putAmongConstants, resealEspImage } from './esp-image-maker.ts';

/** `word` is put beside the marker, for a program that reads the image and cannot run it. */
export async function exampleImage(
  name: { readonly product: string; readonly version: string },
  word = '',
): Promise<Buffer> {
  const source = createRequire(import.meta.url).resolve('espruino-create-project/firmware/esp32/espruino_esp32.bin');
  const image = await readFile(source);
  return resealEspImage(putAmongConstants(image, Buffer.concat([encodeFirmwareMarker(name), Buffer.from(word)])));
}
