// The folders of a store, and what a crash left in them. Names that begin with a dot are no product's, so they stand beside
// the folders that people look at.

import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { STALE_UPLOAD_MS } from '#protocol/limits.ts';
import { FOLDER_MODE, makeFolderDurably } from './durable.ts';

export type StoreFolders = {
  readonly root: string;
  /** Images by their SHA-256. */
  readonly blobs: string;
  /** Files that are being written, each under a name of its own, on the same disk as all others. */
  readonly incoming: string;
};

/** Makes what is not there in `root`, and removes what crashed uploads left. Throws the I/O error. */
export async function openStoreFolders(root: string): Promise<StoreFolders> {
  const absoluteRoot = resolve(root);
  const folders = {
    root: absoluteRoot,
    blobs: join(absoluteRoot, '.blobs'),
    incoming: join(absoluteRoot, '.incoming'),
  };
  await mkdir(absoluteRoot, { recursive: true, mode: FOLDER_MODE });
  await makeFolderDurably(folders.blobs);
  await makeFolderDurably(folders.incoming);
  await removeStaleUploads(folders);
  return folders;
}

/** Younger files may belong to an upload of this process, or of another one on the same disk. */
export async function removeStaleUploads({ incoming }: StoreFolders): Promise<void> {
  const beforeMs = Date.now() - STALE_UPLOAD_MS;
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs < beforeMs) await rm(path, { recursive: true, force: true });
  }
}
