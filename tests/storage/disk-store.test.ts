// An upload is on disk whole or not at all, at its place with its manifest or not at all.

import { hash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, STALE_UPLOAD_MS } from '#protocol/limits.ts';
import { openDiskStore } from '#server/storage/disk-store.ts';
import type { ImagePlace } from '#server/storage/image-place.ts';
import { inPieces, manifestOf, newStore, PLACE, publishBytes } from '../support/image-store.ts';

const MAX_BYTES = 3 * CHUNK_BYTES;
const image = Buffer.alloc(2 * CHUNK_BYTES + 1234, 'otter');

describe('receiving', () => {
  test('gives the bytes, their hash and the hash of every block, however they come', async () => {
    const { store } = await newStore();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, MAX_BYTES),
        fc.integer({ min: 1000, max: 2 * CHUNK_BYTES }),
        async (length, pieceBytes) => {
          const bytes = Buffer.alloc(length, 'firmware');
          const received = await store.receive(inPieces(bytes, pieceBytes), { maxBytes: MAX_BYTES });
          expect(received.bytes.equals(bytes)).toBe(true);
          expect(received).toMatchObject({ sizeBytes: length, sha256: hash('sha256', bytes) });
          expect(received.chunkSha256).toEqual(
            [0, 1, 2]
              .filter((index) => index * CHUNK_BYTES < length)
              .map((index) => hash('sha256', bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES))),
          );
          await received.discard();
        },
      ),
      { numRuns: 20 },
    );
  });

  test('puts the bytes into a temporary folder that discard removes', async () => {
    const { root, store } = await newStore();
    const received = await store.receive(inPieces(image), { maxBytes: MAX_BYTES });
    expect(await readFile(join(received.folder, 'image.bin'))).toEqual(image);
    await received.discard();
    await received.discard();
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('refuses one byte too many and ends the upload', async () => {
    const { root, store } = await newStore();
    const source = inPieces(Buffer.alloc(MAX_BYTES + 100_000));
    await expect(store.receive(source, { maxBytes: MAX_BYTES })).rejects.toMatchObject({
      code: 'image_too_large',
      message: expect.stringContaining(String(MAX_BYTES)),
    });
    expect(await source.next()).toMatchObject({ done: true });
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('keeps nothing of an upload that breaks off', async () => {
    const { root, store } = await newStore();
    async function* brokenOff(): AsyncGenerator<Uint8Array> {
      yield* inPieces(image);
      throw new Error('connection reset');
    }
    await expect(store.receive(brokenOff(), { maxBytes: MAX_BYTES })).rejects.toThrow('connection reset');
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });
});

describe('publishing', () => {
  test('puts image and manifest at their place and leaves nothing else', async () => {
    const { root, store } = await newStore();
    const received = await publishBytes(store, image);
    const folder = join(root, 'thermostat', '1.4.0', 'esp32s3');
    expect(await readFile(join(folder, 'image.bin'))).toEqual(image);
    expect(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))).toEqual(manifestOf(image));
    await received.discard();
    expect(await readdir(folder)).toHaveLength(2);
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('keeps the images of other chips and versions', async () => {
    const { root, store } = await newStore();
    await publishBytes(store, image);
    await publishBytes(store, image, { ...PLACE, chip: 'esp32c3' });
    await publishBytes(store, image, { ...PLACE, version: '1.5.0-rc.1+b7' });
    expect((await readdir(join(root, 'thermostat', '1.4.0'))).toSorted()).toEqual(['esp32c3', 'esp32s3']);
    expect((await readdir(join(root, 'thermostat'))).toSorted()).toEqual(['1.4.0', '1.5.0-rc.1+b7']);
  });

  test('replaces whatever a crash left at the place', async () => {
    const { root, store } = await newStore();
    const folder = join(root, 'thermostat', '1.4.0', 'esp32s3');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'image.bin'), 'half an ima');
    await writeFile(join(folder, 'something-else'), '');
    const received = await publishBytes(store, image);
    const stored = await store.open(PLACE, received);
    expect(await stored.readBlock(0)).toEqual(image.subarray(0, CHUNK_BYTES));
    await stored.close();
    expect((await readdir(folder)).toSorted()).toEqual(['image.bin', 'manifest.json']);
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('refuses the manifest of another image or place, and publishes nothing', async () => {
    const { root, store } = await newStore();
    const received = await store.receive(inPieces(image), { maxBytes: MAX_BYTES });
    for (const manifest of [manifestOf(Buffer.from('other')), { ...manifestOf(image), version: '1.4.1' }]) {
      await expect(store.publish(received, PLACE, manifest)).rejects.toMatchObject({ code: 'internal' });
    }
    expect(await readdir(root)).toEqual(['.incoming']);
  });

  test.for<ImagePlace>([
    { ...PLACE, product: '..' },
    { ...PLACE, product: '.incoming' },
    { ...PLACE, product: 'a/b' },
    { ...PLACE, product: '' },
    { ...PLACE, version: '../1.4.0' },
    { ...PLACE, version: '1.4.0/..' },
    { ...PLACE, version: '1.4.0\n' },
    { ...PLACE, version: `1.4.0-${'a'.repeat(300)}` },
    { ...PLACE, chip: 'esp32/../..' },
    { ...PLACE, chip: '..' },
  ])('never leaves the root: %j', async (place) => {
    const { root, store } = await newStore();
    const received = await store.receive(inPieces(image), { maxBytes: MAX_BYTES });
    const refusal = { code: 'id_invalid' };
    await expect(store.publish(received, place, manifestOf(image, place))).rejects.toMatchObject(refusal);
    await expect(store.open(place, received)).rejects.toMatchObject(refusal);
    expect(await readdir(root)).toEqual(['.incoming']);
  });
});

describe('opening the store', () => {
  test('makes folders that only the server may enter', async () => {
    const { root } = await newStore();
    const nested = join(root, 'data', 'firmware');
    await openDiskStore(nested);
    expect((await stat(nested)).mode & 0o777).toBe(0o700);
    expect((await stat(join(nested, '.incoming'))).mode & 0o777).toBe(0o700);
  });

  test('removes uploads that a crash left an hour ago, and no younger ones', async () => {
    const { root, store } = await newStore();
    const old = await store.receive(inPieces(image), { maxBytes: MAX_BYTES });
    const young = await store.receive(inPieces(image), { maxBytes: MAX_BYTES });
    const thenS = (Date.now() - STALE_UPLOAD_MS - 1_000) / 1000;
    await utimes(old.folder, thenS, thenS);
    const again = await openDiskStore(root);
    expect(await readdir(join(root, '.incoming'))).toEqual([young.folder.split('/').at(-1)]);
    await again.publish(young, PLACE, manifestOf(image));
  });
});
