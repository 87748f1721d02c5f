// Where each chip sees its flash: a segment that is loaded there runs from flash, which only an application does.

type AddressRange = readonly [from: number, to: number];

/** `SOC_DROM_LOW`..`SOC_IROM_HIGH` of `soc.h`, the widest of all IDF versions. */
const FLASH_WINDOWS: ReadonlyMap<string, readonly AddressRange[]> = new Map([
  [
    'esp32',
    [
      [0x3f400000, 0x3f800000],
      [0x400d0000, 0x40400000],
    ],
  ],
  [
    'esp32s2',
    [
      [0x3f000000, 0x3ff80000],
      [0x40080000, 0x40c00000],
    ],
  ],
  ['esp32p4', [[0x40000000, 0x4c000000]]],
  ['esp32s31', [[0x40000000, 0x54000000]]],
]);
/** ESP32-S3 and all RISC-V chips but those above. */
const COMMON_FLASH_WINDOWS: readonly AddressRange[] = [
  [0x3c000000, 0x3e000000],
  [0x42000000, 0x44000000],
];

/** Whether a segment with this address runs from the flash of the chip. */
export function isFlashAddress(chip: string, address: number): boolean {
  const windows = FLASH_WINDOWS.get(chip) ?? COMMON_FLASH_WINDOWS;
  return windows.some(([from, to]) => address >= from && address < to);
}
