// Images by their content: whole under their SHA-256 or not at all, and what damaged them is put right by the same bytes.

import { hash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, STALE_UPLOAD_MS } from '#protocol/limits.ts';
import { receiveImage } from '#server/storage/receive-image.ts';
import { openStoreFolders } from '#server/storage/store-folders.ts';
import { inPieces, newStore, putBytes } from '../support/image-store.ts';

const MAX_BYTES = 3 * BLOCK_BYTES;
const image = Buffer.alloc(2 * BLOCK_BYTES + 1234, 'otter');
const SHA256 = hash('sha256', image);

describe('receiving', () => {
  test('gives the bytes, their hash and the hash of every block, however they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, MAX_BYTES),
        fc.integer({ min: 1000, max: 2 * BLOCK_BYTES }),
        async (length, pieceBytes) => {
          const bytes = Buffer.alloc(length, 'firmware');
          const received = await receiveImage(inPieces(bytes, pieceBytes), { maxBytes: MAX_BYTES });
          expect(received.bytes.equals(bytes)).toBe(true);
          expect(received).toMatchObject({ sizeBytes: length, sha256: hash('sha256', bytes) });
          expect(received.blockSha256).toEqual(
            [0, 1, 2]
              .filter((index) => index * BLOCK_BYTES < length)
              .map((index) => hash('sha256', bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES))),
          );
        },
      ),
      { numRuns: 20 },
    );
  });

  test('refuses one byte too many and ends the upload', async () => {
    const source = inPieces(Buffer.alloc(MAX_BYTES + 100_000));
    await expect(receiveImage(source, { maxBytes: MAX_BYTES })).rejects.toMatchObject({
      code: 'image_too_large',
      message: expect.stringContaining(String(MAX_BYTES)),
    });
    expect(await source.next()).toMatchObject({ done: true });
  });

  test('ends with what the upload broke off with', async () => {
    async function* brokenOff(): AsyncGenerator<Uint8Array> {
      yield* inPieces(image);
      throw new Error('connection reset');
    }
    await expect(receiveImage(brokenOff(), { maxBytes: MAX_BYTES })).rejects.toThrow('connection reset');
  });
});

describe('a blob', () => {
  test('is put once, found and deleted', async () => {
    const { root, store } = await newStore();
    expect(await store.has(SHA256, image.length)).toBe(false);
    expect(await store.check(SHA256, image.length)).toBe('the file is missing');
    expect(await store.put(image, SHA256)).toBe('written');
    expect(await store.put(image, SHA256)).toBe('already_there');
    expect(await store.has(SHA256, image.length)).toBe(true);
    expect(await store.has(SHA256, image.length - 1)).toBe(false);
    expect(await store.check(SHA256, image.length)).toBeUndefined();
    expect(await readdir(join(root, '.blobs'))).toEqual([SHA256]);
    expect(await readFile(join(root, '.blobs', SHA256))).toEqual(image);
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
    await store.delete(SHA256);
    await store.delete(SHA256);
    expect(await readdir(join(root, '.blobs'))).toEqual([]);
  });

  test('that many put at once is there once and whole', async () => {
    const { root, store } = await newStore();
    await Promise.all(Array.from({ length: 20 }, async () => store.put(image, SHA256)));
    expect(await readdir(join(root, '.blobs'))).toEqual([SHA256]);
    expect(await store.check(SHA256, image.length)).toBeUndefined();
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('is read to its end by those who had it open when it was deleted', async () => {
    const { store } = await newStore();
    const recorded = await putBytes(store, image);
    const reader = await store.open(recorded);
    await store.delete(recorded.sha256);
    expect(await reader.readBlock(2)).toEqual(image.subarray(2 * BLOCK_BYTES));
    await reader.close();
    await expect(store.open(recorded)).rejects.toMatchObject({ code: 'blob_corrupt' });
  });

  test.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['missing', async (path) => rm(path), /missing/],
    ['shorter', async (path) => truncate(path, 100), /has 100 bytes, recorded are/],
    ['of other bytes', async (path) => writeFile(path, Buffer.alloc(image.length)), /its bytes have SHA-256/],
    [
      'a folder',
      async (path) => {
        await rm(path);
        await mkdir(join(path, 'full'), { recursive: true });
      },
      /bytes, recorded are/,
    ],
    [
      'a link',
      async (path) => {
        await rm(path);
        await writeFile(`${path}.moved`, image);
        await symlink(`${path}.moved`, path);
      },
      /cannot be read \(ELOOP\)/,
    ],
  ])('whose file is %s is found by a check, and put right by the same bytes', async (_, damage, fault) => {
    const { root, store } = await newStore();
    const recorded = await putBytes(store, image);
    await damage(join(root, '.blobs', SHA256));
    expect(await store.check(SHA256, image.length)).toMatch(fault);
    expect(await store.put(image, SHA256)).toBe('written');
    expect(await store.check(SHA256, image.length)).toBeUndefined();
    const reader = await store.open(recorded);
    expect(await reader.readBlock(0)).toEqual(image.subarray(0, BLOCK_BYTES));
    await reader.close();
  });

  test.for(['', '..', '../escape', 'a'.repeat(63), 'A'.repeat(64), `${'a'.repeat(64)}\n`, `${'a'.repeat(63)}/`])(
    'has no other name than a SHA-256: %j',
    async (name) => {
      const { root, store } = await newStore();
      const refusal = { code: 'internal' };
      await expect(store.put(image, name)).rejects.toMatchObject(refusal);
      await expect(store.delete(name)).rejects.toMatchObject(refusal);
      await expect(store.has(name, 1)).rejects.toMatchObject(refusal);
      expect((await readdir(root)).toSorted()).toEqual(['.blobs', '.incoming']);
    },
  );
});

describe('opening the store', () => {
  test('makes folders that only the server may enter', async () => {
    const { root } = await newStore();
    const nested = join(root, 'data', 'firmware');
    await openStoreFolders(nested);
    for (const folder of [nested, join(nested, '.blobs'), join(nested, '.incoming')])
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  test('removes uploads that a crash left an hour ago, and no younger ones', async () => {
    const { root, folders } = await newStore();
    for (const name of ['old', 'young']) await writeFile(join(folders.incoming, name), 'half an ima');
    const thenS = (Date.now() - STALE_UPLOAD_MS - 1_000) / 1000;
    await utimes(join(folders.incoming, 'old'), thenS, thenS);
    await openStoreFolders(root);
    expect(await readdir(folders.incoming)).toEqual(['young']);
  });
});
