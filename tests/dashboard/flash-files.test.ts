// Which files belong where on a board, for which chip they are, and what is said of those that cannot be flashed. And the two formats that
// a flash needs: MD5 and the packets of Improv.

import { hash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { type NamedFile, readFlashFiles } from '#dashboard/screens/add-board/flash/flash-files.ts';
import { packetOf, readPackets } from '#dashboard/screens/add-board/flash/improv-packets.ts';
import { md5 } from '#dashboard/screens/add-board/flash/md5.ts';
import { buildEspImage, flashFile, partitionTable } from '../support/esp-image-builder.ts';

const APP = { label: 'app0', type: 0, subtype: 0x10, offset: 0x1_0000, sizeBytes: 0x14_0000 };
const OTA_DATA = { label: 'otadata', type: 1, subtype: 0, offset: 0xe000, sizeBytes: 0x2000 };
const NVS = { label: 'nvs', type: 1, subtype: 2, offset: 0x9000, sizeBytes: 0x5000 };
const TABLE = partitionTable([NVS, OTA_DATA, APP]);
const file = (name: string, bytes: Uint8Array): NamedFile => ({ name, bytes });
const loader = (chipId: number): NamedFile => file('boot.bin', buildEspImage({ chipId, descriptor: 'none' }));
const app = (chipId: number): NamedFile => file('app.bin', buildEspImage({ chipId }));
const table = file('table.bin', TABLE);

function planOf(...files: readonly NamedFile[]) {
  const read = readFlashFiles(files);
  return read.ok ? { chip: read.plan.chip, at: read.plan.parts.map(({ address }) => address) } : read.problem;
}

function merged(chipId: number, loaderAt: number, parts: readonly (readonly [number, Uint8Array])[] = []): NamedFile {
  return file(
    'all.bin',
    flashFile(0x1_4000, [[loaderAt, loader(chipId).bytes], [0x8000, TABLE], [0x1_0000, app(chipId).bytes], ...parts]),
  );
}

test.each([
  ['esp32', 0, 0x1000],
  ['esp32s2', 2, 0x1000],
  ['esp32c3', 5, 0],
  ['esp32s3', 9, 0],
  ['esp32c6', 13, 0],
  ['esp32c5', 23, 0x2000],
  ['esp32p4', 18, 0x2000],
])('the files of an %s go where its chip looks for them', (chip, chipId, loaderAt) => {
  expect(planOf(merged(chipId, loaderAt))).toEqual({ chip, at: [0, 0xe000] });
  expect(planOf(app(chipId), table, loader(chipId))).toEqual({ chip, at: [loaderAt, 0x8000, 0xe000, 0x1_0000] });
});

test('a merged image is written whole, but where it is empty and the board has its settings', () => {
  const settings = Buffer.alloc(16, 0x42);
  for (const one of [merged(5, 0), merged(5, 0, [[0x9000, settings]])]) {
    const read = readFlashFiles([one]);
    const flash = Buffer.alloc(one.bytes.length, 0xff);
    for (const { address, bytes } of read.ok ? read.plan.parts : []) flash.set(bytes, address);
    expect(flash.equals(one.bytes)).toBe(true);
  }
  expect(planOf(merged(5, 0, [[0x9000, settings]]))).toMatchObject({ at: [0] });
});

test('parts choose the first slot: factory before ota_0, and no update before says otherwise', () => {
  const factory = { ...APP, label: 'factory', subtype: 0, offset: 0x20_0000 };
  expect(planOf(app(5), loader(5), file('t', partitionTable([APP, factory])))).toMatchObject({
    at: [0, 0x8000, 0x20_0000],
  });
  const read = readFlashFiles([app(5), loader(5), table]);
  expect(read.ok ? [...(read.plan.parts[2]?.bytes ?? [])].every((byte) => byte === 0xff) : read.problem).toBe(true);
  const first = Buffer.alloc(0x2000, 0xff);
  first.writeUInt32LE(1);
  const chosen = readFlashFiles([app(5), loader(5), table, file('boot_app0.bin', first)]);
  expect(chosen.ok ? Buffer.from(chosen.plan.parts[2]?.bytes ?? []).equals(first) : chosen.problem).toBe(true);
});

test.each([
  ['nothing', [], /^Choose the merged image/],
  ['an application alone', [app(5)], /^app\.bin is an application alone/],
  ['a partition table alone', [table], /^table\.bin is a partition table alone/],
  ['a text', [file('notes.txt', Buffer.from('hello'))], /^notes\.txt is no firmware of an ESP32/],
  ['an empty file', [file('empty.bin', Buffer.alloc(0))], /^empty\.bin is no firmware/],
  ['two of three', [app(5), table], /^Missing: a bootloader\./],
  [
    'two applications',
    [app(5), { ...app(5), name: 'b.bin' }, table, loader(5)],
    /app\.bin and b\.bin are both an application/,
  ],
  ['a merged image and more', [merged(5, 0), table], /^all\.bin is a merged image/],
  ['two chips', [app(9), table, loader(5)], /bootloader is for ESP32-C3 and the application for ESP32-S3/],
  [
    'a table without a slot',
    [app(5), loader(5), file('t.bin', partitionTable([NVS]))],
    /^t\.bin has no place for an application/,
  ],
  [
    'a slot that is too small',
    [app(5), loader(5), file('t.bin', partitionTable([{ ...APP, sizeBytes: 64 }]))],
    /its place in t\.bin has 64/,
  ],
] as const)('says what is wrong with %s', (_, files, problem) => {
  expect(planOf(...files)).toMatch(problem);
});

test('no bytes at all make it throw', () => {
  for (let size = 0; size < 400; size += 1) expect(planOf(file('x', Buffer.alloc(size, 0xe9)))).toMatch(/^x is/);
  for (let count = 0; count < 50; count += 1) expect(typeof planOf(file('x', randomBytes(0x9000)))).toBe('string');
});

test('MD5 is what others make of the same bytes', () => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 1000, 70_001]) {
    const bytes = randomBytes(size);
    expect(md5(bytes)).toBe(hash('md5', bytes));
  }
});

test('packets of Improv are found between other output, whole or in pieces, and only sound ones', () => {
  const noise = [...Buffer.from('boot IMPROV IMPRO\r\n')];
  const packet = [...packetOf(1, [2])];
  expect(readPackets([...noise, ...packet, ...noise, ...packetOf(4, [3, 0])]).packets).toEqual([
    { type: 1, data: [2] },
    { type: 4, data: [3, 0] },
  ]);
  const bad = packet.with(9, 3);
  expect(readPackets([...bad, ...packet]).packets).toEqual([{ type: 1, data: [2] }]);
  let rest: readonly number[] = [];
  const found = [];
  for (const byte of [...noise, ...packet, ...packet]) {
    const read = readPackets([...rest, byte]);
    rest = read.rest;
    found.push(...read.packets);
  }
  expect(found).toEqual([
    { type: 1, data: [2] },
    { type: 1, data: [2] },
  ]);
});
