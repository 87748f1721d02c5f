// What people see of the store, and a store of version 0.1 that is taken over.

import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adoptImages } from '#server/storage/adopt-images.ts';
import type { ImagePlace } from '#server/storage/image-place.ts';
import { hideImage, listShown, showImage } from '#server/storage/shown-images.ts';
import { layOldImage, manifestOf, newStore, PLACE, putBytes, shownOf } from '../support/image-store.ts';

const image = Buffer.alloc(100_000, 'otter');
const other = Buffer.alloc(100_000, 'weasel');
const shown = shownOf(image);
const FOLDER = join('thermostat', '1.4.0', 'esp32s3');

describe('what people see', () => {
  test('is a link to the blob and a manifest, also after the store was moved', async () => {
    const { root, store, folders } = await newStore();
    await putBytes(store, image);
    await showImage(folders, shown);
    await showImage(folders, shown);
    expect(await readlink(join(root, FOLDER, 'image.bin'))).toBe(`../../../.blobs/${shown.sha256}`);
    expect(JSON.parse(await readFile(join(root, FOLDER, 'manifest.json'), 'utf8'))).toEqual(manifestOf(image));
    await rename(root, `${root}-moved`);
    expect(await readFile(join(`${root}-moved`, FOLDER, 'image.bin'))).toEqual(image);
    await rename(`${root}-moved`, root);
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  test('is put right where it is missing or other', async () => {
    const { root, store, folders } = await newStore();
    await putBytes(store, image);
    await mkdir(join(root, FOLDER), { recursive: true });
    await symlink('/nowhere', join(root, FOLDER, 'image.bin'));
    await writeFile(join(root, FOLDER, 'manifest.json'), 'no JSON');
    await showImage(folders, shown);
    expect(await readFile(join(root, FOLDER, 'image.bin'))).toEqual(image);
    await rm(join(root, 'thermostat'), { recursive: true });
    await showImage(folders, shown);
    expect(await readFile(join(root, FOLDER, 'image.bin'))).toEqual(image);
    expect(JSON.parse(await readFile(join(root, FOLDER, 'manifest.json'), 'utf8'))).toEqual(manifestOf(image));
  });

  test('is never made over the only whole file that is left', async () => {
    const { root, store, folders } = await newStore();
    const path = await layOldImage(root, image);
    await showImage(folders, shown);
    expect((await lstat(path)).isFile(), 'while there is no blob').toBe(true);
    await putBytes(store, image);
    await writeFile(join(root, '.blobs', shown.sha256), other);
    await showImage(folders, shown);
    expect((await lstat(path)).isFile(), 'while the blob is damaged').toBe(true);
  });

  test('goes with its image, and takes with it what it leaves empty and nothing else', async () => {
    const { root, store, folders } = await newStore();
    await putBytes(store, image);
    await showImage(folders, shown);
    await showImage(folders, shownOf(image, { ...PLACE, version: '1.5.0-rc.1+b7' }));
    await layOldImage(root, other, { ...PLACE, chip: 'esp32' });
    await mkdir(join(root, 'thermostat', '1.3.0', 'esp32'), { recursive: true });
    await symlink('/elsewhere', join(root, 'thermostat', '1.3.0', 'esp32', 'image.bin'));
    const links = await listShown(folders);
    expect(links.map(({ place, sha256 }) => `${place.version} ${sha256}`).toSorted()).toEqual([
      `1.4.0 ${shown.sha256}`,
      `1.5.0-rc.1+b7 ${shown.sha256}`,
    ]);
    for (const { place } of links) await hideImage(folders, place);
    expect((await readdir(join(root, 'thermostat'))).toSorted()).toEqual(['1.3.0', '1.4.0']);
    expect(await readdir(join(root, 'thermostat', '1.4.0'))).toEqual(['esp32']);
    expect(await readdir(join(root, '.blobs'))).toEqual([shown.sha256]);
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
    const { root, store, folders } = await newStore();
    await putBytes(store, image);
    await expect(showImage(folders, shownOf(image, place))).rejects.toMatchObject({ code: 'id_invalid' });
    expect((await readdir(root)).toSorted()).toEqual(['.blobs', '.incoming']);
  });
});

describe('a store of version 0.1', () => {
  test('is taken over without copying, once', async () => {
    const { root, store, folders } = await newStore();
    const path = await layOldImage(root, image);
    const { ino } = await lstat(path);
    expect(await adoptImages(folders, [shown])).toEqual({ adopted: 1, failed: [] });
    expect(await adoptImages(folders, [shown])).toEqual({ adopted: 0, failed: [] });
    expect((await lstat(join(root, '.blobs', shown.sha256))).ino).toBe(ino);
    expect(await store.check(shown.sha256, image.length)).toBeUndefined();
    await showImage(folders, shown);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await adoptImages(folders, [shown])).toEqual({ adopted: 0, failed: [] });
  });

  test('may have the same bytes at two places, one of them damaged: the whole one is kept', async () => {
    const { root, store, folders } = await newStore();
    const second = shownOf(image, { ...PLACE, product: 'valve' });
    await layOldImage(root, other, PLACE);
    await layOldImage(root, image, second.place);
    expect(await adoptImages(folders, [shown, second])).toEqual({ adopted: 2, failed: [] });
    expect(await store.check(shown.sha256, image.length)).toBeUndefined();
    for (const one of [shown, second]) await showImage(folders, one);
    expect(await readFile(join(root, 'thermostat', '1.4.0', 'esp32s3', 'image.bin'))).toEqual(image);
  });

  test('that is damaged is taken over as it is: its whole blocks are still served', async () => {
    const { root, store, folders } = await newStore();
    await layOldImage(root, other);
    expect(await adoptImages(folders, [shown])).toEqual({ adopted: 1, failed: [] });
    expect(await store.check(shown.sha256, image.length)).toMatch(/its bytes have SHA-256/);
  });

  test('with an image that cannot be taken over loses neither this one nor the others', async () => {
    const { root, store, folders } = await newStore();
    const second = shownOf(other, { ...PLACE, version: '2.0.0' });
    const path = await layOldImage(root, image);
    await layOldImage(root, other, second.place);
    await mkdir(join(root, '.blobs', shown.sha256, 'full'), { recursive: true });
    const { adopted, failed } = await adoptImages(folders, [shown, second]);
    expect(adopted).toBe(1);
    expect(failed).toMatchObject([{ image: { place: PLACE } }]);
    await showImage(folders, shown);
    expect(await readFile(path)).toEqual(image);
    expect(await store.check(second.sha256, other.length)).toBeUndefined();
  });
});
