// A whole flash in one file (`esptool merge-bin`, `.ino.merged.bin`, `firmware.factory.bin`): what is inside, by its own partition
// table, and the application cut out of it. Source: ESP-IDF `gen_esp32part.py`, `esp_flash_partitions.h`.

import { OtterError } from '#protocol/errors.ts';
import { isFlashAddress } from './flash-windows.ts';
import { hex } from './hex.ts';
import { APP_IMAGE_HINT, MERGED_HINT } from './hints.ts';
import { type ImageLayout, readLayout } from './image-layout.ts';
import { readAppDescriptor } from './app-descriptor.ts';

const IMAGE_MAGIC = 0xe9;
const ENTRY_BYTES = 32;
const SECTOR_BYTES = 4096;
const HASH_BYTES = 32;
const V1_SIGNATURE_BYTES = 68;
const V2_SIGNATURE_MAGIC = 0xe7;
const MOST_ENTRIES = 95;
const MOST_NAMED = 8;
/** Partition tables lie on a flash sector, 0x8000 unless the build moved it, before where the first application can be. */
const LAST_TABLE_AT = 0x20000;
const APP_TYPE = 0;

interface Partition {
  readonly label: string;
  readonly isApp: boolean;
  readonly offset: number;
  readonly sizeBytes: number;
}

interface FlashImage {
  readonly tableAt: number;
  readonly partitions: readonly Partition[];
}

/** Throws `merged_image`, with what is inside, for a file that is a whole flash. */
export function refuseFlashImage(file: Buffer): void {
  const flash = findFlashImage(file);
  if (flash === undefined) return;
  const [app] = listApps(file, flash);
  throw new OtterError(
    'merged_image',
    `The file is a merged flash image: ${startOf(file)}, a partition table at ${hex(flash.tableAt)}, ${contentsOf(file, flash)}.`,
    app === undefined ? MERGED_HINT : `${cutHint(file, app)} ${MERGED_HINT}`,
  );
}

/**
 * The application that lies in a merged image under this label, or with `app` the first one; of a file that is no merged image, the
 * file itself. Throws `merged_image` where there is none.
 */
export function extractApp(file: Buffer, label: string): Buffer {
  const flash = findFlashImage(file);
  if (flash === undefined) return file;
  const apps = listApps(file, flash);
  const app = apps.find((one) => one.label === label) ?? (label === 'app' ? apps[0] : undefined);
  if (app !== undefined) return file.subarray(app.offset, app.offset + appBytes(file, app));
  throw new OtterError(
    'merged_image',
    `The merged flash image holds no application ${label === 'app' ? '' : `under ${JSON.stringify(label)} `}: ${contentsOf(file, flash)}.`,
    apps.length === 0 ? APP_IMAGE_HINT : `Name one of: ${apps.map((one) => one.label).join(', ')}.`,
  );
}

/** Undefined where the file has no partition table, or begins as an application does. */
function findFlashImage(file: Buffer): FlashImage | undefined {
  const first = file[0];
  if (first !== IMAGE_MAGIC && first !== 0xff && first !== 0) return undefined;
  if (first === IMAGE_MAGIC && !isBootloader(file)) return undefined;
  for (let at = SECTOR_BYTES; at <= LAST_TABLE_AT && at < file.length; at += SECTOR_BYTES) {
    const partitions = readTable(file, at);
    if (partitions.length > 0) return { tableAt: at, partitions };
  }
  return undefined;
}

function isBootloader(file: Buffer): boolean {
  const layout = tryLayout(file);
  return (
    layout !== undefined && !layout.segments.some(({ loadAddress }) => isFlashAddress(layout.header.chip, loadAddress))
  );
}

function readTable(file: Buffer, at: number): readonly Partition[] {
  const partitions: Partition[] = [];
  for (let index = 0; index < MOST_ENTRIES; index += 1) {
    const entry = file.subarray(at + index * ENTRY_BYTES, at + (index + 1) * ENTRY_BYTES);
    if (entry.length < ENTRY_BYTES || entry.readUInt16BE(0) !== 0xaa50) break;
    const [offset, sizeBytes] = [entry.readUInt32LE(4), entry.readUInt32LE(8)];
    if (offset % SECTOR_BYTES !== 0 || sizeBytes === 0) return [];
    const label = entry
      .toString('latin1', 12, 28)
      .replace(/\0[\s\S]*$/, '')
      .replaceAll(/[^\x20-\x7e]/g, '?');
    partitions.push({ label, isApp: entry[2] === APP_TYPE, offset, sizeBytes });
  }
  return partitions;
}

function listApps(file: Buffer, { partitions }: FlashImage): readonly Partition[] {
  return partitions.filter(({ isApp, offset }) => isApp && file[offset] === IMAGE_MAGIC);
}

/** With the digest and the signature that follow it. */
function appBytes(file: Buffer, { offset, sizeBytes }: Partition): number {
  const app = file.subarray(offset, Math.min(file.length, offset + sizeBytes));
  const endAt = readLayout(app).checksumAt + 1 + HASH_BYTES;
  const sectorAt = Math.ceil(endAt / SECTOR_BYTES) * SECTOR_BYTES;
  if (app[sectorAt] === V2_SIGNATURE_MAGIC) return Math.min(app.length, sectorAt + SECTOR_BYTES);
  const v1 = app.subarray(endAt, endAt + V1_SIGNATURE_BYTES);
  const isV1 = v1.length === V1_SIGNATURE_BYTES && v1.readUInt32LE(0) === 0 && v1.some((byte) => byte !== 0);
  return isV1 ? endAt + V1_SIGNATURE_BYTES : Math.min(app.length, endAt);
}

function startOf(file: Buffer): string {
  if (file[0] === IMAGE_MAGIC) return 'no app descriptor at offset 0x20, a bootloader at offset 0x00';
  const at = [0x1000, 0x2000].find((offset) => file[offset] === IMAGE_MAGIC);
  return `it begins with ${hex(file[0] ?? 0)} padding${at === undefined ? '' : ` and holds a bootloader at offset ${hex(at)}`}`;
}

function contentsOf(file: Buffer, { partitions }: FlashImage): string {
  const parts = partitions.slice(0, MOST_NAMED).map((part) => {
    const name = `${part.label} at ${hex(part.offset)}`;
    if (part.offset >= file.length) return `${name} (not in the file)`;
    if (!part.isApp) return name;
    return file[part.offset] === IMAGE_MAGIC ? `${name} (${appText(file, part)})` : `${name} (no application)`;
  });
  return [...parts, ...(partitions.length > MOST_NAMED ? [`${partitions.length - MOST_NAMED} more`] : [])].join(', ');
}

function appText(file: Buffer, { offset }: Partition): string {
  const app = file.subarray(offset);
  const layout = tryLayout(app);
  if (layout === undefined) return 'an application that cannot be read';
  const descriptor = tryRead(() => readAppDescriptor(app, layout.segments));
  const name = [descriptor?.projectName, descriptor?.version].filter((part) => part !== undefined && part !== '');
  return ['the application for', layout.header.chip, ...name].join(' ');
}

function cutHint(file: Buffer, app: Partition): string {
  const bytes = tryRead(() => appBytes(file, app));
  const byHand = bytes === undefined ? '' : ` (by hand: tail -c +${app.offset + 1} FILE | head -c ${bytes} > app.bin)`;
  return `Cut the application out: otter firmware add FILE --extract app${byHand}.`;
}

function tryLayout(file: Buffer): ImageLayout | undefined {
  return tryRead(() => readLayout(file));
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OtterError) return undefined;
    throw error;
  }
}
