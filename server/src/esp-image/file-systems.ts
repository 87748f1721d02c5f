// Recognises the images of data partitions that boards keep beside the application, by what their formats put first.

const FAT_SIGNATURE_AT = 510;
const SECTOR_BYTES = 4096;

/** What the file is, with its article; undefined: none of them. */
export function findFileSystem(file: Buffer): string | undefined {
  if (isLittleFs(file)) return 'a LittleFS file system';
  if (isSpiffs(file)) return 'a SPIFFS file system';
  // The layer that spreads writes puts a sector of its own in front.
  if (isFat(file) || isFat(file.subarray(SECTOR_BYTES))) return 'a FAT file system';
  return isNvs(file) ? 'an NVS partition' : undefined;
}

/** littlefs SPEC.md: the superblock is block 0 or 1, and its name tag is the first. */
function isLittleFs(file: Buffer): boolean {
  return [0, SECTOR_BYTES].some((block) => file.toString('latin1', block + 8, block + 16) === 'littlefs');
}

/**
 * With the pages of 256 bytes and blocks of 4096 that ESP-IDF uses; `spiffs_nucleus.h`, `SPIFFS_MAGIC`: a number of 16 bits that
 * depends on how many blocks follow, at the end of the page of each block that lists its objects.
 */
function isSpiffs(file: Buffer): boolean {
  const pageBytes = 256;
  const blocks = Math.floor(file.length / SECTOR_BYTES);
  if (blocks < 2 || file.length % SECTOR_BYTES !== 0) return false;
  return [0, 1].every((block) => {
    const at = block * SECTOR_BYTES + pageBytes - 4;
    return file.readUInt16LE(at) === ((0x20140529 ^ pageBytes ^ (blocks - block)) & 0xffff);
  });
}

function isFat(file: Buffer): boolean {
  if (file.length < 512 || file.readUInt16LE(FAT_SIGNATURE_AT) !== 0xaa55) return false;
  return [54, 82].some((at) => file.toString('latin1', at, at + 3) === 'FAT');
}

/** `nvs_page.hpp`: a page that is in use or full, the first of its kind, and nothing yet behind the header but 0xFF. */
function isNvs(file: Buffer): boolean {
  if (file.length < SECTOR_BYTES) return false;
  const isPage = [0xfffffffe, 0xfffffffc].includes(file.readUInt32LE(0)) && file.readUInt32LE(4) < 0xffff;
  return isPage && file.readUInt8(8) >= 0xfe && file.subarray(9, 28).every((byte) => byte === 0xff);
}
