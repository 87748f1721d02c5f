// Writes that are on the disk when the promise resolves: a file needs its own fsync, and its name needs that of its folder.
// Source: fsync(2), "Calling fsync() does not necessarily ensure that the entry in the directory has also reached disk".

import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './storage-error.ts';

/** Only the server's own user may look into the store. */
export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Writes a new file and syncs it; the caller syncs the folder. Throws when the file exists. */
export async function writeFileDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes a folder inside one that exists and syncs its name. A folder that was there is synced too: the process that made
 * it may have crashed before its own sync.
 */
export async function makeFolderDurably(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  await syncFolder(dirname(path));
}
