// The ESP32 family as image headers name it, and as boards spell it. Source: ESP-IDF `esp_app_format.h`, `esp_chip_id_t`;
// arduino-esp32 `Esp.cpp`, `getChipModel()`. The cases are protocol/vectors/chips.json.

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

/** `S3` of `ESP32-S3FH4R2` or `ESP32-S3-WROOM-1`, but of no number that goes on: that is another chip. */
const FAMILY = /^esp32[ _-]?([a-z]\d{1,2})(?!\d)/;

/** The classic ESP32 is sold under the names of its dies, packages and modules. */
const CLASSIC = /^esp32[ _-]?(?:d0|d2|s0|u4|pico|wroom|wrover|mini|solo)/;

/** Chips that are sold under another number, with the one that their images name. */
const SOLD_AS: readonly (readonly [start: string, chip: string])[] = [
  ['esp8684', 'esp32c2'],
  ['esp8685', 'esp32c3'],
];

/** What `getChipModel()` gives where it does not know. */
const UNKNOWN = /^(?:unknown|unk|none|null|undefined|n\/?a|-|\?)?$/;

/**
 * The canonical name of a chip as boards spell it: `ESP32-S3` is `esp32s3`, `ESP32-S2FH16` is `esp32s2`, `ESP32-D0WDQ6` is `esp32`.
 * Undefined where the text says that it is not known. A name that nobody knows stays as it is, in lower case without dashes: it fits
 * no image.
 */
export function canonicalChip(spelled: string): string | undefined {
  const text = spelled.trim().toLowerCase();
  if (UNKNOWN.test(text)) return undefined;
  const name = text.replaceAll(/[^a-z0-9]/g, '');
  if (KNOWN.has(name)) return name;
  const family = `esp32${FAMILY.exec(text)?.[1] ?? ''}`;
  if (family !== 'esp32' && KNOWN.has(family)) return family;
  if (CLASSIC.test(text)) return 'esp32';
  // `ESP32 (Unknown)` names a family, and no more.
  if (/^esp32[ _-]*\(/.test(text)) return 'esp32';
  return SOLD_AS.find(([start]) => name.startsWith(start))?.[1] ?? (name === '' ? undefined : name);
}
