// Recognises files that people upload instead of the application image, to say what the file is and which one to take.
// It accepts nothing: what passes here is still to be parsed and checked.

import { OtterError } from '#protocol/errors.ts';
import { hex } from './hex.ts';
import type { ImageLayout } from './image-layout.ts';

const IMAGE_MAGIC = 0xe9;

/** Where every build tool puts the file to upload. */
export const APP_IMAGE_HINT =
  'Upload the application image: .pio/build/<env>/firmware.bin (PlatformIO), <sketch>.ino.bin after Sketch > Export Compiled Binary (Arduino IDE), build/<project>.bin (ESP-IDF).';

const ELF_HINT = `Upload the .bin, not the .elf. ${APP_IMAGE_HINT}`;
const UNPACK_HINT = `Unpack it and upload the .bin inside. ${APP_IMAGE_HINT}`;
const MERGED_HINT = `A device takes only the application, not the whole flash: not .ino.merged.bin, not firmware.factory.bin. ${APP_IMAGE_HINT}`;

type KnownFile = { readonly start: Buffer; readonly error: () => OtterError };

const KNOWN_FILES: readonly KnownFile[] = [
  known('7f454c46', 'elf_not_bin', 'an ELF file', ELF_HINT),
  known('5546320a', 'uf2_not_bin', 'a UF2 file', APP_IMAGE_HINT),
  known('aa50', 'partition_table', 'a partition table', APP_IMAGE_HINT),
  known('1f8b', 'compressed_image', 'a gzip file', UNPACK_HINT),
  known('504b0304', 'compressed_image', 'a ZIP archive', UNPACK_HINT),
  known('fd377a585a00', 'compressed_image', 'an XZ file', UNPACK_HINT),
  known('28b52ffd', 'compressed_image', 'a Zstandard file', UNPACK_HINT),
  known('425a68', 'compressed_image', 'a bzip2 file', UNPACK_HINT),
  known('377abcaf271c', 'compressed_image', 'a 7z archive', UNPACK_HINT),
];

/** Offsets at which ESP32, ESP32-S2, -P4 and -C5 keep the bootloader; before it a flash image holds only 0xFF. */
const BOOTLOADER_OFFSETS = [0x1000, 0x2000] as const;

/**
 * Throws for every file that does not begin like an image: `elf_not_bin`, `uf2_not_bin`, `hex_not_bin`,
 * `compressed_image`, `partition_table`, `merged_image`, and `not_esp_image` for the rest. The file is not empty.
 */
export function refuseOtherFiles(file: Buffer): void {
  const first = file.readUInt8(0);
  if (first === IMAGE_MAGIC) return;
  const knownFile = KNOWN_FILES.find(({ start }) => file.subarray(0, start.length).equals(start));
  if (knownFile !== undefined) throw knownFile.error();
  if (/^:[0-9A-Fa-f]{10}/.test(file.toString('latin1', 0, 11)))
    throw refuse('hex_not_bin', 'an Intel HEX file', APP_IMAGE_HINT);
  if (isZlib(file)) throw refuse('compressed_image', 'zlib data', UNPACK_HINT);
  const bootloaderAt = BOOTLOADER_OFFSETS.find((at) => first === 0xff && file[at] === IMAGE_MAGIC);
  if (bootloaderAt !== undefined) {
    throw new OtterError(
      'merged_image',
      `The file is a merged flash image: it begins with 0xFF padding and holds a bootloader at offset ${hex(bootloaderAt)}.`,
      MERGED_HINT,
    );
  }
  throw new OtterError(
    'not_esp_image',
    `The file begins with byte ${hex(first)}; an ESP32 application image begins with 0xE9.`,
    APP_IMAGE_HINT,
  );
}

/**
 * Throws `bootloader_image`, or `merged_image` when a partition table follows, for a well-formed image that is no
 * application. An application runs from flash, so one of its segments lies in the chip's flash window; a bootloader runs
 * before that window is set up and has all of its segments in RAM. Only images without app descriptor may be asked about.
 */
export function refuseBootloader(file: Buffer, layout: ImageLayout): void {
  if (layout.segments.some(({ loadAddress }) => isFlashAddress(layout.header.chip, loadAddress))) return;
  const tableAt = findPartitionTable(file, layout.checksumAt);
  if (tableAt !== undefined) {
    throw new OtterError(
      'merged_image',
      `The file is a merged flash image: no app descriptor at offset 0x20, a bootloader up to ${hex(layout.checksumAt)}, a partition table at ${hex(tableAt)}.`,
      MERGED_HINT,
    );
  }
  throw new OtterError(
    'bootloader_image',
    `The image for ${layout.header.chip} is a bootloader: no app descriptor at offset 0x20, and none of its ${layout.segments.length} segments runs from flash.`,
    APP_IMAGE_HINT,
  );
}

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

function isFlashAddress(chip: string, address: number): boolean {
  const windows = FLASH_WINDOWS.get(chip) ?? COMMON_FLASH_WINDOWS;
  return windows.some(([from, to]) => address >= from && address < to);
}

/** Partition tables lie on a flash sector, 0x8000 unless the build moved it; searched up to where the first app can be. */
function findPartitionTable(file: Buffer, from: number): number | undefined {
  const sectors = Array.from({ length: 32 }, (_, index) => (index + 1) * 0x1000);
  return sectors.find((at) => at > from && file[at] === 0xaa && file[at + 1] === 0x50);
}

/** RFC 1950: deflate in the first byte's low nibble, and the first two bytes are a multiple of 31. */
function isZlib(file: Buffer): boolean {
  return file.length >= 2 && file.readUInt8(0) === 0x78 && file.readUInt16BE(0) % 31 === 0;
}

type OtherFileCode = 'elf_not_bin' | 'uf2_not_bin' | 'hex_not_bin' | 'compressed_image' | 'partition_table';

function known(start: string, code: OtherFileCode, name: string, hint: string): KnownFile {
  return { start: Buffer.from(start, 'hex'), error: () => refuse(code, name, hint) };
}

function refuse(code: OtherFileCode, name: string, hint: string): OtterError {
  return new OtterError(code, `The file is ${name}, not an ESP32 application image.`, hint);
}
