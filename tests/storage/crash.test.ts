// What is left on disk when the process is killed, and when the disk is full. Both are real: SIGKILL, and a small tmpfs.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { hash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { adoptImages } from '#server/storage/adopt-images.ts';
import { showImage } from '#server/storage/shown-images.ts';
import { layOldImage, newStore, shownOf } from '../support/image-store.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts the script, and kills it so many milliseconds after its first word. */
async function killLater(name: string, args: readonly string[], afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [script(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await exited;
}

test('a process killed at any moment of writing leaves whole images under their names, or nothing', async () => {
  const { root } = await newStore();
  for (let round = 0; round < 6; round += 1) {
    await killLater('put-for-ever.ts', [root], round * 3);
    for (const name of await readdir(join(root, '.blobs')))
      expect(hash('sha256', await readFile(join(root, '.blobs', name)))).toBe(name);
  }
});

test('a process killed at any moment of taking over an old store has lost no image, and the next one ends it', async () => {
  for (let round = 0; round < 6; round += 1) {
    const { root, store, folders } = await newStore();
    const images = Array.from({ length: 40 }, (_, index) => {
      const bytes = Buffer.alloc(10_000, `image ${index}`);
      return { bytes, image: shownOf(bytes, { product: 'thermostat', version: `1.0.${index}`, chip: 'esp32' }) };
    });
    for (const { bytes, image } of images) await layOldImage(root, bytes, image.place);
    const shown = images.map(({ image }) => image);
    await killLater('adopt-once.ts', [root, JSON.stringify(shown)], round * 2);
    for (const { bytes, image } of images) {
      const { sha256, sizeBytes, place } = image;
      const old = await readFile(join(root, place.product, place.version, place.chip, 'image.bin'));
      expect(old.equals(bytes)).toBe(true);
      expect([undefined, 'the file is missing']).toContain(await store.check(sha256, sizeBytes));
    }
    expect((await adoptImages(folders, shown)).failed).toEqual([]);
    for (const image of shown) await showImage(folders, image);
    expect(await adoptImages(folders, shown)).toEqual({ adopted: 0, failed: [] });
    for (const { bytes, image } of images) {
      const { sha256, sizeBytes, place } = image;
      expect(await store.check(sha256, sizeBytes)).toBeUndefined();
      const path = join(root, place.product, place.version, place.chip, 'image.bin');
      expect((await lstat(path)).isSymbolicLink()).toBe(true);
      expect((await readFile(path)).equals(bytes)).toBe(true);
    }
  }
});

const MOUNT = 'mount -t tmpfs -o size=400k none "$0"';
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, '/tmp']).status === 0;

test.skipIf(!canMount)(
  'a full disk is storage_full and keeps nothing (skipped: no right to mount a tmpfs)',
  async () => {
    const { root } = await newStore();
    const put = (sizeBytes: number): unknown => {
      const command = `${MOUNT} && exec "$@"`;
      const node = [process.execPath, script('put-once.ts'), root, String(sizeBytes)];
      const { stdout } = spawnSync('unshare', ['-rm', 'sh', '-c', command, root, ...node], { encoding: 'utf8' });
      return JSON.parse(stdout);
    };
    expect(put(900_000)).toEqual({ outcome: 'storage_full', left: 0 });
    expect(put(100_000)).toEqual({ outcome: 'written', left: 1 });
  },
);
