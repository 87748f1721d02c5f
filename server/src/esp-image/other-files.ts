// Recognises files that people upload instead of the application image, by how they begin, to say what the file is and which one
// to take. It accepts nothing: what passes here is still to be parsed and checked.

import { type ErrorCode, OtterError } from '#protocol/errors.ts';
import { findFileSystem } from './file-systems.ts';
import { refuseFlashImage } from './flash-image.ts';
import { hex } from './hex.ts';
import { APP_IMAGE_HINT, MERGED_HINT, UNPACK_HINT } from './hints.ts';

const IMAGE_MAGIC = 0xe9;
/** Of the second image format of the ESP8266, which no ESP32 has; esptool `ESP8266V2FirmwareImage`. */
const ESP8266_V2_MAGIC = 0xea;

type KnownFile = { readonly start: Buffer; readonly error: () => OtterError };

const DELTA_HINT = `A device takes a whole image. Upload the .bin that the patch was made for. ${APP_IMAGE_HINT}`;
const PRE_ENCRYPTED_HINT = `Only a board with the key could read it, and the server could not check it. Upload the .bin before esp_enc_img_gen: TLS protects it on the way. ${APP_IMAGE_HINT}`;

const KNOWN_FILES: readonly KnownFile[] = [
  known('7f454c46', 'elf_not_bin', 'an ELF file', `Upload the .bin, not the .elf. ${APP_IMAGE_HINT}`),
  known('5546320a', 'uf2_not_bin', 'a UF2 file', APP_IMAGE_HINT),
  known('aa50', 'partition_table', 'a partition table', APP_IMAGE_HINT),
  known('1f8b', 'compressed_image', 'a gzip file', UNPACK_HINT),
  known('504b0304', 'compressed_image', 'a ZIP archive', UNPACK_HINT),
  known('504b0506', 'compressed_image', 'an empty ZIP archive', UNPACK_HINT),
  known('fd377a585a00', 'compressed_image', 'an XZ file', UNPACK_HINT),
  known('28b52ffd', 'compressed_image', 'a Zstandard file', UNPACK_HINT),
  known('425a68', 'compressed_image', 'a bzip2 file', UNPACK_HINT),
  known('377abcaf271c', 'compressed_image', 'a 7z archive', UNPACK_HINT),
  known('526172211a07', 'compressed_image', 'a RAR archive', UNPACK_HINT),
  // esp_encrypted_img: 0x0788B6CF, little-endian.
  known('cfb68807', 'encrypted_image', 'a pre-encrypted image (esp_encrypted_img)', PRE_ENCRYPTED_HINT),
  // esp_delta_ota: 0xFCCDDE10, little-endian.
  known('10decdfc', 'delta_patch', 'a delta patch (esp_delta_ota)', DELTA_HINT),
  known('4253444946463430', 'delta_patch', 'a delta patch (bsdiff)', DELTA_HINT),
  known('454e44534c45592f425344494646', 'delta_patch', 'a delta patch (bsdiff)', DELTA_HINT),
  known('4844494646', 'delta_patch', 'a delta patch (HDiffPatch)', DELTA_HINT),
  known('d6c3c4', 'delta_patch', 'a delta patch (VCDIFF)', DELTA_HINT),
  // MCUboot `image.h`: 0x96F3B83D, and 0x96F3B83C of its first version.
  known(
    '3db8f396',
    'mcuboot_image',
    'an MCUboot image',
    'Boards here start with the bootloader of ESP-IDF. Build for that one.',
  ),
  known(
    '3cb8f396',
    'mcuboot_image',
    'an MCUboot image',
    'Boards here start with the bootloader of ESP-IDF. Build for that one.',
  ),
];

/** Offsets at which ESP32, ESP32-S2, -P4 and -C5 keep the bootloader; before it a flash image holds only 0xFF. */
const BOOTLOADER_OFFSETS = [0x1000, 0x2000] as const;

/**
 * Throws for every file that does not begin like an image of an ESP32: `elf_not_bin`, `uf2_not_bin`, `hex_not_bin`,
 * `compressed_image`, `partition_table`, `merged_image`, `esp8266_image`, `encrypted_image`, `filesystem_image`, `mcuboot_image`,
 * `delta_patch`, `lfs_pointer`, `html_page`, and `not_esp_image` for the rest. The file is not empty.
 */
export function refuseOtherFiles(file: Buffer): void {
  const first = file.readUInt8(0);
  if (first === ESP8266_V2_MAGIC || (first === IMAGE_MAGIC && isEsp8266(file))) throw esp8266();
  if (first === IMAGE_MAGIC) return;
  const knownFile = KNOWN_FILES.find(({ start }) => file.subarray(0, start.length).equals(start));
  if (knownFile !== undefined) throw knownFile.error();
  if (isZlib(file)) throw refuse('compressed_image', 'zlib data', UNPACK_HINT);
  if (file.toString('latin1', 257, 262) === 'ustar') throw refuse('compressed_image', 'a tar archive', UNPACK_HINT);
  const fileSystem = findFileSystem(file);
  if (fileSystem !== undefined)
    throw refuse(
      'filesystem_image',
      fileSystem,
      `A device takes the application here, not its data. ${APP_IMAGE_HINT}`,
    );
  refuseTexts(file);
  refuseFlashImage(file);
  const bootloaderAt = BOOTLOADER_OFFSETS.find((at) => first === 0xff && file[at] === IMAGE_MAGIC);
  if (bootloaderAt !== undefined) {
    throw new OtterError(
      'merged_image',
      `The file is a merged flash image: it begins with 0xFF padding and holds a bootloader at offset ${hex(bootloaderAt)}.`,
      MERGED_HINT,
    );
  }
  if (looksEncrypted(file)) {
    throw new OtterError(
      'encrypted_image',
      `The file begins with byte ${hex(first)} and looks random throughout, as an encrypted image does; an application image begins with 0xE9.`,
      `Upload the .bin as it was before it was encrypted: a board with flash encryption encrypts what it writes. ${APP_IMAGE_HINT}`,
    );
  }
  throw new OtterError(
    'not_esp_image',
    `The file begins with byte ${hex(first)}; an ESP32 application image begins with 0xE9.`,
    APP_IMAGE_HINT,
  );
}

/** What a person sees who downloads from the wrong address, or through a network that asks for a login first. */
function refuseTexts(file: Buffer): void {
  const start = file.toString('latin1', 0, 1024).replace(/^(?:\xef\xbb\xbf)?\s*/, '');
  if (/^:[0-9A-Fa-f]{10}/.test(start)) throw refuse('hex_not_bin', 'an Intel HEX file', APP_IMAGE_HINT);
  if (start.startsWith('version https://git-lfs.github.com/'))
    throw refuse(
      'lfs_pointer',
      'a Git LFS pointer',
      'The repository holds a pointer in its place. Run git lfs pull, and upload the file that it brings.',
    );
  if (/^(?:<!doctype\s+html|<html|<head|<body|<!--[\s\S]*<html)/i.test(start))
    throw refuse(
      'html_page',
      'an HTML page',
      'A web page was saved in its place: a login page, an error page, or the page around the download. Download the file itself.',
    );
  if (/^(?:<\?xml|<Error>)/i.test(start))
    throw refuse(
      'html_page',
      'an XML document',
      'A storage service answers errors like this. Look at the text, and download the file again.',
    );
}

/**
 * The first format of the ESP8266 begins with the same byte, and has a segment where the ESP32 has the rest of its header: the address
 * that it is loaded to (data, instruction RAM, or flash) is no header of an ESP32. Source: esptool `ESP8266ROMFirmwareImage`.
 */
function isEsp8266(file: Buffer): boolean {
  if (file.length < 12) return false;
  const address = file.readUInt32LE(8);
  return [
    [0x3ffe8000, 0x40000000],
    [0x40100000, 0x40110000],
    [0x40200000, 0x40300000],
  ].some(([from = 0, to = 0]) => address >= from && address < to);
}

function esp8266(): OtterError {
  return new OtterError(
    'esp8266_image',
    'The file is an image for the ESP8266; Otter updates chips of the ESP32 family.',
    `If your board is an ESP32, choose it in the build (PlatformIO: platform = espressif32). ${APP_IMAGE_HINT}`,
  );
}

/** So many bytes are needed to tell, and so many bits of each carry something: machine code has 6 to 7. */
const RANDOM_SAMPLE_BYTES = 4096;
const RANDOM_BITS = 7.8;

function looksEncrypted(file: Buffer): boolean {
  const sample = file.subarray(0, RANDOM_SAMPLE_BYTES);
  if (sample.length < RANDOM_SAMPLE_BYTES || file.length % 16 !== 0) return false;
  const counts = new Map<number, number>();
  for (const byte of sample) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  const bits = [...counts.values()].reduce((sum, count) => {
    const share = count / sample.length;
    return sum - share * Math.log2(share);
  }, 0);
  return bits > RANDOM_BITS;
}

/** RFC 1950: deflate in the first byte's low nibble, and the first two bytes are a multiple of 31. */
function isZlib(file: Buffer): boolean {
  return file.length >= 2 && file.readUInt8(0) === 0x78 && file.readUInt16BE(0) % 31 === 0;
}

function known(start: string, code: ErrorCode, name: string, hint: string): KnownFile {
  return { start: Buffer.from(start, 'hex'), error: () => refuse(code, name, hint) };
}

function refuse(code: ErrorCode, name: string, hint: string): OtterError {
  return new OtterError(code, `The file is ${name}, not an ESP32 application image.`, hint);
}
