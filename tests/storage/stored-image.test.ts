// No byte leaves the store that is not the one uploaded, however the file changed on disk; and many readers cost little.

import { open, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES } from '#protocol/limits.ts';
import { newStore, PLACE, publishBytes } from '../support/image-store.ts';

const image = Buffer.alloc(3 * CHUNK_BYTES + 777);
for (let at = 0; at < image.length; at += 1) image[at] = (at * 31 + (at >> 8)) & 0xff;

const corrupt = (message: RegExp) => ({ code: 'blob_corrupt', message: expect.stringMatching(message) });

async function published() {
  const { root, store } = await newStore();
  const received = await publishBytes(store, image);
  return { store, received, path: join(root, 'thermostat', '1.4.0', 'esp32s3', 'image.bin') };
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
    const { store, received } = await published();
    const stored = await store.open(PLACE, received);
    const blocks = await Promise.all(
      [3, 0, 2, 1].map(async (index) => ({ index, block: await stored.readBlock(index) })),
    );
    const inOrder = blocks.toSorted((one, other) => one.index - other.index).map(({ block }) => block);
    expect(inOrder.map((block) => block.length)).toEqual([CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 777]);
    expect(Buffer.concat(inOrder).equals(image)).toBe(true);
    await expect(stored.readBlock(4)).rejects.toThrow(RangeError);
    await stored.close();
  });

  test('that is missing, shorter or longer is refused before the first byte', async () => {
    const { store, received, path } = await published();
    await truncate(path, image.length - 1);
    await expect(store.open(PLACE, received)).rejects.toMatchObject(corrupt(/has 197384 bytes, recorded are 197385/));
    await writeFile(path, Buffer.concat([image, Buffer.alloc(1)]));
    await expect(store.open(PLACE, received)).rejects.toMatchObject(corrupt(/has 197386 bytes/));
    await rm(path);
    await expect(store.open(PLACE, received)).rejects.toMatchObject(corrupt(/missing/));
  });

  test('whose record has too few hashes is refused', async () => {
    const { store, received } = await published();
    const recorded = { sizeBytes: image.length, chunkSha256: received.chunkSha256.slice(1) };
    await expect(store.open(PLACE, recorded)).rejects.toMatchObject(corrupt(/3 block hashes are recorded for 4/));
  });

  test.for([0, CHUNK_BYTES - 1, CHUNK_BYTES, image.length - 1])(
    'with bit flipped in byte %i loses only that block',
    async (at) => {
      const { store, received, path } = await published();
      await flipBit(path, at);
      const stored = await store.open(PLACE, received);
      const bad = Math.floor(at / CHUNK_BYTES);
      await expect(stored.readBlock(bad)).rejects.toMatchObject(corrupt(new RegExp(`block ${bad} `)));
      for (const good of [0, 1, 2, 3].filter((index) => index !== bad)) {
        expect(await stored.readBlock(good)).toEqual(image.subarray(good * CHUNK_BYTES, (good + 1) * CHUNK_BYTES));
      }
      await stored.close();
    },
  );

  test('that changes after a block was cached is read and verified again', async () => {
    const { store, received, path } = await published();
    const stored = await store.open(PLACE, received);
    const first = await stored.readBlock(1);
    expect(await stored.readBlock(1)).toBe(first);
    await flipBit(path, CHUNK_BYTES + 5);
    await expect(stored.readBlock(1)).rejects.toMatchObject(corrupt(/block 1 /));
    await truncate(path, CHUNK_BYTES);
    await expect(stored.readBlock(0)).rejects.toMatchObject(corrupt(/has 65536 bytes/));
    await stored.close();
  });

  test('whose place is taken by another file is opened anew, and stays whole for those who read it', async () => {
    const { store, received, path } = await published();
    const before = await store.open(PLACE, received);
    await before.readBlock(0);
    await writeFile(`${path}.new`, Buffer.alloc(image.length, 1));
    await rename(`${path}.new`, path);
    const after = await store.open(PLACE, received);
    await expect(after.readBlock(0)).rejects.toMatchObject(corrupt(/block 0 /));
    expect(await before.readBlock(0)).toEqual(image.subarray(0, CHUNK_BYTES));
    expect(await before.readBlock(3)).toEqual(image.subarray(3 * CHUNK_BYTES));
    await Promise.all([before.close(), after.close()]);
  });

  test('that another record describes is not served from what was verified for the first', async () => {
    const { store, received } = await published();
    const stored = await store.open(PLACE, received);
    await stored.readBlock(0);
    const recorded = { sizeBytes: image.length, chunkSha256: received.chunkSha256.toReversed() };
    const other = await store.open(PLACE, recorded);
    await expect(other.readBlock(0)).rejects.toMatchObject(corrupt(/block 0 /));
    await Promise.all([stored.close(), other.close()]);
  });
});

describe('many readers', () => {
  test('of one image share one descriptor and one copy of each block', async () => {
    const { store, received } = await published();
    const before = await openDescriptors();
    const readers = await Promise.all(Array.from({ length: 1_000 }, () => store.open(PLACE, received)));
    expect((await openDescriptors()) - before).toBe(1);
    const blocks = await Promise.all(readers.map((reader) => reader.readBlock(2)));
    expect(new Set(blocks).size).toBe(1);
    const [last, ...others] = readers;
    await Promise.all(others.flatMap((reader) => [reader.close(), reader.close()]));
    expect(await last?.readBlock(1)).toHaveLength(CHUNK_BYTES);
    await last?.close();
    expect(await openDescriptors()).toBe(before);
  });

  test('that are refused, fail or come and go leave no descriptor open', async () => {
    const { store, received, path } = await published();
    const before = await openDescriptors();
    for (let round = 0; round < 50; round += 1) {
      const reader = await store.open(PLACE, received);
      const reading = reader.readBlock(round % 4);
      await Promise.allSettled([
        reading,
        reader.close(),
        store.open(PLACE, { ...received, sizeBytes: image.length - 1 }),
      ]);
    }
    await flipBit(path, 0);
    const reader = await store.open(PLACE, received);
    await expect(reader.readBlock(0)).rejects.toMatchObject({ code: 'blob_corrupt' });
    await reader.close();
    await rm(path);
    await Promise.allSettled(Array.from({ length: 20 }, () => store.open(PLACE, received)));
    expect(await openDescriptors()).toBe(before);
  });
});
