// Takes over the images of a store of version 0.1, which kept each at `<product>/<version>/<chip>/image.bin`: such a file becomes
// the blob of its SHA-256. It may be killed at any moment and run again: until the blob is durable, the file stays where it was.

import { randomUUID } from 'node:crypto';
import { link, lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, findFault } from './blob-file.ts';
import { syncFolder } from './durable.ts';
import { IMAGE_FILE, type ImagePlace, placeFolder } from './image-place.ts';
import { errorCode } from './storage-error.ts';
import type { StoreFolders } from './store-folders.ts';

export type NamedImage = { readonly place: ImagePlace; readonly sha256: string; readonly sizeBytes: number };

/** File systems without hard links say one of these. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export type Adoption = {
  readonly adopted: number;
  /** Those that could not be taken over; they are where they were. */
  readonly failed: readonly { readonly image: NamedImage; readonly error: unknown }[];
};

/** Resolves when everything that was taken over is durable. Throws the I/O error of the sync alone. */
export async function adoptImages(folders: StoreFolders, images: readonly NamedImage[]): Promise<Adoption> {
  const failed: Adoption['failed'][number][] = [];
  let adopted = 0;
  for (const image of images) {
    try {
      if (await adopt(folders, image)) adopted += 1;
    } catch (error) {
      failed.push({ image, error });
    }
  }
  if (adopted > 0) await syncFolder(folders.blobs);
  return { adopted, failed };
}

async function adopt(folders: StoreFolders, { place, sha256, sizeBytes }: NamedImage): Promise<boolean> {
  const path = join(placeFolder(folders.root, place), IMAGE_FILE);
  const file = await lstat(path).catch(ignoreMissing);
  if (file?.isFile() !== true) return false;
  const blob = blobPath(folders, sha256);
  const stored = await lstat(blob).catch(ignoreMissing);
  if (stored === undefined) return linkOrMove(path, blob);
  if (stored.ino === file.ino && stored.dev === file.dev) return false;
  // Two files for one image: the blob stays unless it is damaged and the other is not.
  if ((await findFault(blob, sha256, sizeBytes)) === undefined) return false;
  if ((await findFault(path, sha256, sizeBytes)) !== undefined) return false;
  const temporary = join(folders.incoming, randomUUID());
  await linkOrMove(path, temporary);
  await rename(temporary, blob);
  return true;
}

/** Resolves with false where another server was faster. */
async function linkOrMove(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
    await rename(from, to);
  }
  return true;
}

function ignoreMissing(error: unknown): undefined {
  const code = errorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
