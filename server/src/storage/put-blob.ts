// Writes a blob: whole into `.incoming`, synced, then one rename under its name. At no moment is half a file under a name,
// and two writers of the same bytes do each other no harm.

import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, findFault } from './blob-file.ts';
import { syncFolder, writeFileDurably } from './durable.ts';
import { asStorageError, errorCode } from './storage-error.ts';
import type { StoreFolders } from './store-folders.ts';

/** See `BlobStore.put`. The caller has hashed the bytes. */
export async function putBlob(
  folders: StoreFolders,
  bytes: Uint8Array,
  sha256: string,
): Promise<'written' | 'already_there'> {
  const path = blobPath(folders, sha256);
  try {
    const isWhole = (await findFault(path, sha256, bytes.length)) === undefined;
    if (!isWhole) await replaceFile(folders, path, bytes);
    // Also of one that was there: whoever put it may have crashed before its own sync.
    await syncFolder(folders.blobs);
    return isWhole ? 'already_there' : 'written';
  } catch (error) {
    throw asStorageError(error, folders.root);
  }
}

async function replaceFile({ incoming }: StoreFolders, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(incoming, randomUUID());
  try {
    await writeFileDurably(temporary, bytes);
    await moveOver(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A file cannot be renamed over a folder; one that stands here is damage. */
async function moveOver(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path);
  } catch (error) {
    if (errorCode(error) !== 'EISDIR') throw error;
    await rm(path, { recursive: true });
    await rename(temporary, path);
  }
}
