// What belongs where on the flash of a board: a merged image whole, or bootloader, partition table and application from files of their own.
// It says for which chip they are, so that a wrong one is refused before anything is written. Formats: ESP-IDF `esp_app_format.h`,
// `esp_flash_partitions.h`, `gen_esp32part.py`.

import { CHIP_NAMES } from '#protocol/device/chips.ts';

export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface FlashPart {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** What it is, and of which file. */
  readonly what: string;
}

export interface FlashPlan {
  readonly chip: string;
  readonly chipId: number;
  readonly parts: readonly FlashPart[];
}

/** `problem` is a sentence, with what to do. */
export type FlashFiles =
  { readonly ok: true; readonly plan: FlashPlan } | { readonly ok: false; readonly problem: string };

const IMAGE_MAGIC = 0xe9;
const CHIP_ID_AT = 12;
const APP_DESCRIPTOR_AT = 32;
const APP_DESCRIPTOR_MAGIC = 0xabcd5432;
const TABLE_MAGIC = 0x50aa;
const TABLE_AT = 0x8000;
const ENTRY_BYTES = 32;
const MOST_ENTRIES = 95;
const APP_TYPE = 0;
const FACTORY = 0x00;
const OTA_0 = 0x10;
const DATA_TYPE = 1;
const OTA_DATA = 0x00;
const NVS = 0x02;
/** Nothing else that belongs to a board is as small and begins as an application does. */
const LARGEST_BOOTLOADER_BYTES = 0x8000;
const OTA_DATA_BYTES = 0x2000;
/** Where the ROM of a chip looks for the bootloader (targets of esptool). */
const BOOTLOADERS_AT: Readonly<Record<string, number>> = {
  esp32: 0x1000,
  esp32s2: 0x1000,
  esp32c5: 0x2000,
  esp32h4: 0x2000,
  esp32p4: 0x2000,
  esp32s31: 0x2000,
};
const PLACES = [0, 0x1000, 0x2000] as const;

const WHAT_TO_CHOOSE =
  'Choose the merged image (in the Arduino IDE: Sketch > Export Compiled Binary, then the file that ends in .merged.bin), or bootloader, partition table and application together.';

export function readFlashFiles(files: readonly NamedFile[]): FlashFiles {
  const [first] = files;
  if (first === undefined) return { ok: false, problem: WHAT_TO_CHOOSE };
  if (files.length === 1) return isMerged(first.bytes) ? mergedPlan(first) : refuseAlone(first);
  return partsPlan(files);
}

/** A whole flash: a partition table at its place, and a bootloader before it. */
function isMerged(bytes: Uint8Array): boolean {
  return u16(bytes, TABLE_AT) === TABLE_MAGIC && bootloaderAt(bytes) !== undefined;
}

function mergedPlan({ name, bytes }: NamedFile): FlashFiles {
  const at = bootloaderAt(bytes);
  const chip = at === undefined ? undefined : chipAt(bytes, at);
  if (chip === undefined) return { ok: false, problem: `${name} does not say for which chip it is. ${WHAT_TO_CHOOSE}` };
  return { ok: true, plan: { ...chip, parts: mergedParts({ name, bytes }) } };
}

/** Between the parts lie the settings of the board, as 0xFF: a place that the file leaves empty is left as it is. */
function mergedParts({ name, bytes }: NamedFile): readonly FlashPart[] {
  const what = `merged image ${name}`;
  const settings = readTable(bytes.subarray(TABLE_AT)).find(
    ({ type, subtype }) => type === DATA_TYPE && subtype === NVS,
  );
  const endAt = settings === undefined ? 0 : settings.offset + settings.sizeBytes;
  const isEmpty =
    settings !== undefined &&
    endAt < bytes.length &&
    bytes.subarray(settings.offset, endAt).every((byte) => byte === 0xff);
  if (!isEmpty) return [{ address: 0, bytes, what }];
  return [
    { address: 0, bytes: bytes.subarray(0, settings.offset), what },
    { address: endAt, bytes: bytes.subarray(endAt), what },
  ];
}

function refuseAlone({ name, bytes }: NamedFile): FlashFiles {
  const kind = kindOf(bytes);
  if (kind === 'unknown') return { ok: false, problem: `${name} is no firmware of an ESP32. ${WHAT_TO_CHOOSE}` };
  return {
    ok: false,
    problem: `${name} is ${NAMES[kind]} alone; a first flash needs the others too. ${WHAT_TO_CHOOSE}`,
  };
}

function partsPlan(files: readonly NamedFile[]): FlashFiles {
  const found = new Map<Kind, NamedFile>();
  for (const file of files) {
    const kind = isMerged(file.bytes) ? 'merged' : kindOf(file.bytes);
    if (kind === 'unknown')
      return { ok: false, problem: `${file.name} is no part of a firmware that Otter knows. ${WHAT_TO_CHOOSE}` };
    if (kind === 'merged')
      return { ok: false, problem: `${file.name} is a merged image, which holds everything: choose it alone.` };
    const other = found.get(kind);
    if (other !== undefined)
      return { ok: false, problem: `${other.name} and ${file.name} are both ${NAMES[kind]}: choose one of them.` };
    found.set(kind, file);
  }
  const [bootloader, table, app] = [found.get('bootloader'), found.get('table'), found.get('app')];
  if (bootloader === undefined || table === undefined || app === undefined) {
    const missing = (['bootloader', 'table', 'app'] as const)
      .filter((kind) => !found.has(kind))
      .map((kind) => NAMES[kind]);
    return { ok: false, problem: `Missing: ${missing.join(', ')}. ${WHAT_TO_CHOOSE}` };
  }
  return placed({ bootloader, table, app, otaData: found.get('otaData') });
}

interface Placed {
  readonly bootloader: NamedFile;
  readonly table: NamedFile;
  readonly app: NamedFile;
  readonly otaData: NamedFile | undefined;
}

function placed({ bootloader, table, app, otaData }: Placed): FlashFiles {
  const chip = chipAt(app.bytes, 0);
  const loaderChip = chipAt(bootloader.bytes, 0);
  if (chip === undefined || chip.chipId !== loaderChip?.chipId)
    return {
      ok: false,
      problem: `The bootloader is for ${shownChip(loaderChip?.chip)} and the application for ${shownChip(chip?.chip)}: choose files of one build.`,
    };
  const partitions = readTable(table.bytes);
  const slot =
    partitions.find(({ type, subtype }) => type === APP_TYPE && subtype === FACTORY) ??
    partitions.find(({ type, subtype }) => type === APP_TYPE && subtype === OTA_0);
  if (slot === undefined) return { ok: false, problem: `${table.name} has no place for an application.` };
  if (app.bytes.length > slot.sizeBytes)
    return {
      ok: false,
      problem: `${app.name} has ${app.bytes.length} bytes, its place in ${table.name} has ${slot.sizeBytes}.`,
    };
  const ota = partitions.find(({ type, subtype }) => type === DATA_TYPE && subtype === OTA_DATA);
  // Without it the board would go on with the slot that an update had chosen before.
  const choice = otaData?.bytes ?? new Uint8Array(OTA_DATA_BYTES).fill(0xff);
  return {
    ok: true,
    plan: {
      ...chip,
      parts: [
        { address: BOOTLOADERS_AT[chip.chip] ?? 0, bytes: bootloader.bytes, what: `bootloader ${bootloader.name}` },
        { address: TABLE_AT, bytes: table.bytes, what: `partition table ${table.name}` },
        ...(ota === undefined ? [] : [{ address: ota.offset, bytes: choice, what: 'which slot starts' }]),
        { address: slot.offset, bytes: app.bytes, what: `application ${app.name}` },
      ],
    },
  };
}

type Kind = 'bootloader' | 'table' | 'app' | 'otaData' | 'merged' | 'unknown';

const NAMES: Readonly<Record<Kind, string>> = {
  bootloader: 'a bootloader',
  table: 'a partition table',
  app: 'an application',
  otaData: 'the choice of a slot',
  merged: 'a merged image',
  unknown: 'something else',
};

function kindOf(bytes: Uint8Array): Exclude<Kind, 'merged'> {
  if (u16(bytes, 0) === TABLE_MAGIC) return 'table';
  if (bytes[0] === IMAGE_MAGIC)
    return u32(bytes, APP_DESCRIPTOR_AT) === APP_DESCRIPTOR_MAGIC || bytes.length > LARGEST_BOOTLOADER_BYTES
      ? 'app'
      : 'bootloader';
  // boot_app0.bin of the Arduino core: a sequence number, and nothing else.
  return bytes.length === OTA_DATA_BYTES && u32(bytes, 0) === 1 ? 'otaData' : 'unknown';
}

function bootloaderAt(bytes: Uint8Array): number | undefined {
  return PLACES.find((at) => {
    const chip = bytes[at] === IMAGE_MAGIC ? chipAt(bytes, at) : undefined;
    return chip !== undefined && (BOOTLOADERS_AT[chip.chip] ?? 0) === at;
  });
}

function chipAt(bytes: Uint8Array, at: number): { readonly chip: string; readonly chipId: number } | undefined {
  const chipId = u16(bytes, at + CHIP_ID_AT);
  const chip = chipId === undefined ? undefined : CHIP_NAMES.get(chipId);
  return chip === undefined || chipId === undefined ? undefined : { chip, chipId };
}

function readTable(bytes: Uint8Array) {
  const partitions = [];
  for (let index = 0; index < MOST_ENTRIES; index += 1) {
    const at = index * ENTRY_BYTES;
    const [offset, sizeBytes] = [u32(bytes, at + 4), u32(bytes, at + 8)];
    if (u16(bytes, at) !== TABLE_MAGIC || offset === undefined || sizeBytes === undefined) break;
    partitions.push({ type: bytes[at + 2], subtype: bytes[at + 3], offset, sizeBytes });
  }
  return partitions;
}

/** `esp32s3` as it stands on the chip. */
export function shownChip(chip: string | undefined): string {
  return chip === undefined ? 'an unknown chip' : chip.toUpperCase().replace(/^ESP32(?=[A-Z])/, 'ESP32-');
}

function u16(bytes: Uint8Array, at: number): number | undefined {
  const [low, high] = [bytes[at], bytes[at + 1]];
  return low === undefined || high === undefined ? undefined : low | (high << 8);
}

function u32(bytes: Uint8Array, at: number): number | undefined {
  const [low, high] = [u16(bytes, at), u16(bytes, at + 2)];
  return low === undefined || high === undefined ? undefined : low + high * 0x10000;
}
