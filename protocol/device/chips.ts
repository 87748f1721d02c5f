// The ESP32 family as image headers name it. Source: ESP-IDF `esp_app_format.h`, `esp_chip_id_t`.

/** `chip_id` of the image header to the name that devices report (`CONFIG_IDF_TARGET`). */
export const CHIP_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0000, 'esp32'],
  [0x0002, 'esp32s2'],
  [0x0005, 'esp32c3'],
  [0x0009, 'esp32s3'],
  [0x000c, 'esp32c2'],
  [0x000d, 'esp32c6'],
  [0x0010, 'esp32h2'],
  [0x0012, 'esp32p4'],
  [0x0014, 'esp32c61'],
  [0x0017, 'esp32c5'],
  [0x0019, 'esp32h21'],
  [0x001c, 'esp32h4'],
  [0x0020, 'esp32s31'],
]);

const KNOWN: ReadonlySet<string> = new Set(CHIP_NAMES.values());

/** The classic ESP32 is sold under the names of its dies and packages, which `ESP.getChipModel()` gives. */
const CLASSIC = /^esp32(d0|s0|u4|pico)/;

/**
 * The canonical name of a chip as boards spell it: `ESP32-S3` is `esp32s3`, `ESP32-D0WDQ6` is `esp32`. A name that nobody
 * knows stays as it is, in lower case without dashes: it fits no image.
 */
export function canonicalChip(spelled: string): string {
  const name = spelled.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return !KNOWN.has(name) && CLASSIC.test(name) ? 'esp32' : name;
}
