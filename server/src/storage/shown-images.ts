// What people see of the store: `<product>/<version>/<chip>/image.bin`, a symbolic link to the blob, and `manifest.json`.
// Made from the database and never read back: the server serves the blob. What is missing or other is put right.

import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Manifest } from '#protocol/device/manifest.ts';
import type { NamedImage } from './adopt-images.ts';
import { blobPath, findFault, isStored } from './blob-file.ts';
import { FILE_MODE, FOLDER_MODE } from './durable.ts';
import { IMAGE_FILE, type ImagePlace, MANIFEST_FILE, placeFolder } from './image-place.ts';
import { errorCode } from './storage-error.ts';
import type { StoreFolders } from './store-folders.ts';

export type ShownImage = NamedImage & { readonly manifest: Manifest };

/**
 * Shows an image whose blob is there; of one that is missing nothing is changed. Throws `id_invalid` for a place that cannot be,
 * and the I/O error. Nothing is synced: the next start makes it again.
 */
export async function showImage(folders: StoreFolders, image: ShownImage): Promise<void> {
  const folder = placeFolder(folders.root, image.place);
  const blob = blobPath(folders, image.sha256);
  if (!(await isStored(blob, image.sizeBytes))) return;
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await showBytes(folders, join(folder, IMAGE_FILE), blob, image);
  await showText(folders, join(folder, MANIFEST_FILE), `${JSON.stringify(image.manifest, undefined, 2)}\n`);
}

/** Relative, so that the store can be moved as a whole. */
async function showBytes(folders: StoreFolders, path: string, blob: string, image: NamedImage): Promise<void> {
  const target = relative(dirname(path), blob);
  const shown = await lstat(path).catch(ignoreMissing);
  if (shown?.isSymbolicLink() === true && (await readlink(path)) === target) return;
  // A file, of version 0.1 or of a person, may be the only whole one that is left.
  if (shown?.isFile() === true && (await findFault(blob, image.sha256, image.sizeBytes)) !== undefined) return;
  const temporary = join(folders.incoming, randomUUID());
  await symlink(target, temporary);
  await moveOrForget(temporary, path);
}

async function showText(folders: StoreFolders, path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const temporary = join(folders.incoming, randomUUID());
  await writeFile(temporary, text, { mode: FILE_MODE });
  await moveOrForget(temporary, path);
}

async function moveOrForget(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A link that is shown, and the SHA-256 that it leads to. */
export type ShownLink = { readonly place: ImagePlace; readonly sha256: string };

/** Every link into the store. A file that is no link was not made here, and is not told of. */
export async function listShown({ root, blobs }: StoreFolders): Promise<readonly ShownLink[]> {
  const shown: ShownLink[] = [];
  for (const product of (await foldersIn(root)).filter((name) => !name.startsWith('.'))) {
    for (const version of await foldersIn(join(root, product))) {
      for (const chip of await foldersIn(join(root, product, version))) {
        const folder = join(root, product, version, chip);
        const target = await readlink(join(folder, IMAGE_FILE)).catch(() => undefined);
        if (target === undefined || resolve(folder, dirname(target)) !== blobs) continue;
        shown.push({ place: { product, version, chip }, sha256: basename(target) });
      }
    }
  }
  return shown;
}

/** Removes what is shown of an image that is no more, and the folders that this empties. */
export async function hideImage({ root }: StoreFolders, { product, version, chip }: ImagePlace): Promise<void> {
  const folder = join(root, product, version, chip);
  await rm(join(folder, IMAGE_FILE), { force: true });
  await rm(join(folder, MANIFEST_FILE), { force: true });
  for (const empty of [folder, dirname(folder), dirname(dirname(folder))]) {
    try {
      await rmdir(empty);
    } catch {
      // Something else is in it.
      return;
    }
  }
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
