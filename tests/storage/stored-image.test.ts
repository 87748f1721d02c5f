// No byte leaves the store that is not the one uploaded, however the file changed on disk; and many readers cost little.

import { open, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { newStore, putBytes } from '../support/image-store.ts';

const image = Buffer.alloc(3 * BLOCK_BYTES + 777);
for (let at = 0; at < image.length; at += 1) image[at] = (at * 31 + (at >> 8)) & 0xff;

const corrupt = (message: RegExp) => ({ code: 'blob_corrupt', message: expect.stringMatching(message) });

async function published() {
  const { root, store } = await newStore();
  const recorded = await putBytes(store, image);
  return { store, recorded, path: join(root, '.blobs', recorded.sha256) };
}

/** Changes one bit in place; the file keeps its inode and size. */
async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.from([(image[at] ?? 0) ^ 1]), 0, 1, at);
  await file.close();
}

async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

describe('a stored image', () => {
  test('is read block by block, the last one shorter', async () => {
    const { store, recorded } = await published();
    const stored = await store.open(recorded);
    const blocks = await Promise.all(
      [3, 0, 2, 1].map(async (index) => ({ index, block: await stored.readBlock(index) })),
    );
    const inOrder = blocks.toSorted((one, other) => one.index - other.index).map(({ block }) => block);
    expect(inOrder.map((block) => block.length)).toEqual([BLOCK_BYTES, BLOCK_BYTES, BLOCK_BYTES, 777]);
    expect(Buffer.concat(inOrder).equals(image)).toBe(true);
    await expect(stored.readBlock(4)).rejects.toThrow(RangeError);
    await stored.close();
  });

  test('is read by ranges, each piece out of one block', async () => {
    const { store, recorded } = await published();
    const stored = await store.open(recorded);
    for (const [start, end] of [
      [0, image.length - 1],
      [0, 0],
      [BLOCK_BYTES - 1, BLOCK_BYTES],
      [BLOCK_BYTES, 2 * BLOCK_BYTES - 1],
      [image.length - 1, image.length - 1],
    ] as const) {
      const pieces: Buffer[] = [];
      for await (const piece of stored.read({ start, end })) pieces.push(piece);
      expect(Buffer.concat(pieces).equals(image.subarray(start, end + 1))).toBe(true);
      expect(pieces).toHaveLength(Math.floor(end / BLOCK_BYTES) - Math.floor(start / BLOCK_BYTES) + 1);
    }
    await stored.close();
  });

  test('that is missing, shorter or longer is refused before the first byte', async () => {
    const { store, recorded, path } = await published();
    await truncate(path, image.length - 1);
    await expect(store.open(recorded)).rejects.toMatchObject(corrupt(/has 197384 bytes, recorded are 197385/));
    await writeFile(path, Buffer.concat([image, Buffer.alloc(1)]));
    await expect(store.open(recorded)).rejects.toMatchObject(corrupt(/has 197386 bytes/));
    await rm(path);
    await expect(store.open(recorded)).rejects.toMatchObject(corrupt(/missing/));
  });

  test('whose record has too few hashes is refused', async () => {
    const { store, recorded } = await published();
    const other = { ...recorded, blockSha256: recorded.blockSha256.slice(1) };
    await expect(store.open(other)).rejects.toMatchObject(corrupt(/3 block hashes are recorded for 4/));
  });

  test.for([0, BLOCK_BYTES - 1, BLOCK_BYTES, image.length - 1])(
    'with bit flipped in byte %i loses only that block',
    async (at) => {
      const { store, recorded, path } = await published();
      await flipBit(path, at);
      const stored = await store.open(recorded);
      const bad = Math.floor(at / BLOCK_BYTES);
      await expect(stored.readBlock(bad)).rejects.toMatchObject(corrupt(new RegExp(`block ${bad} `)));
      for (const good of [0, 1, 2, 3].filter((index) => index !== bad)) {
        expect(await stored.readBlock(good)).toEqual(image.subarray(good * BLOCK_BYTES, (good + 1) * BLOCK_BYTES));
      }
      await stored.close();
    },
  );

  test('that changes after a block was cached is read and verified again', async () => {
    const { store, recorded, path } = await published();
    const stored = await store.open(recorded);
    const first = await stored.readBlock(1);
    expect(await stored.readBlock(1)).toBe(first);
    await flipBit(path, BLOCK_BYTES + 5);
    await expect(stored.readBlock(1)).rejects.toMatchObject(corrupt(/block 1 /));
    await truncate(path, BLOCK_BYTES);
    await expect(stored.readBlock(0)).rejects.toMatchObject(corrupt(/has 65536 bytes/));
    await stored.close();
  });

  test('whose place is taken by another file is opened anew, and stays whole for those who read it', async () => {
    const { store, recorded, path } = await published();
    const before = await store.open(recorded);
    await before.readBlock(0);
    await writeFile(`${path}.new`, Buffer.alloc(image.length, 1));
    await rename(`${path}.new`, path);
    const after = await store.open(recorded);
    await expect(after.readBlock(0)).rejects.toMatchObject(corrupt(/block 0 /));
    expect(await before.readBlock(0)).toEqual(image.subarray(0, BLOCK_BYTES));
    expect(await before.readBlock(3)).toEqual(image.subarray(3 * BLOCK_BYTES));
    await Promise.all([before.close(), after.close()]);
  });

  test('that another record describes is not served from what was verified for the first', async () => {
    const { store, recorded } = await published();
    const stored = await store.open(recorded);
    await stored.readBlock(0);
    const other = await store.open({ ...recorded, blockSha256: recorded.blockSha256.toReversed() });
    await expect(other.readBlock(0)).rejects.toMatchObject(corrupt(/block 0 /));
    await Promise.all([stored.close(), other.close()]);
  });
});

describe('many readers', () => {
  test('of one image share one descriptor and one copy of each block', async () => {
    const { store, recorded } = await published();
    const before = await openDescriptors();
    const readers = await Promise.all(Array.from({ length: 1_000 }, () => store.open(recorded)));
    expect((await openDescriptors()) - before).toBe(1);
    const blocks = await Promise.all(readers.map((reader) => reader.readBlock(2)));
    expect(new Set(blocks).size).toBe(1);
    const [last, ...others] = readers;
    await Promise.all(others.flatMap((reader) => [reader.close(), reader.close()]));
    expect(await last?.readBlock(1)).toHaveLength(BLOCK_BYTES);
    await last?.close();
    expect(await openDescriptors()).toBe(before);
  });

  test('that are refused, fail or come and go leave no descriptor open', async () => {
    const { store, recorded, path } = await published();
    const before = await openDescriptors();
    for (let round = 0; round < 50; round += 1) {
      const reader = await store.open(recorded);
      const reading = reader.readBlock(round % 4);
      await Promise.allSettled([reading, reader.close(), store.open({ ...recorded, sizeBytes: image.length - 1 })]);
    }
    await flipBit(path, 0);
    const reader = await store.open(recorded);
    await expect(reader.readBlock(0)).rejects.toMatchObject({ code: 'blob_corrupt' });
    await reader.close();
    await rm(path);
    await Promise.allSettled(Array.from({ length: 20 }, () => store.open(recorded)));
    expect(await openDescriptors()).toBe(before);
  });
});
