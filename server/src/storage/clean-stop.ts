// Whether the last server on this store stopped by itself: a mark that is left at a stop and taken away at the start. After
// a power cut or a kill there is none.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_MODE, syncFolder } from './durable.ts';
import { errorCode } from './storage-error.ts';
import type { StoreFolders } from './store-folders.ts';

const MARK = '.stopped';

/** Durable when it resolves: a power cut from now on is seen. */
export async function takeStopMark({ root }: StoreFolders): Promise<boolean> {
  try {
    await rm(join(root, MARK));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  await syncFolder(root);
  return true;
}

export async function leaveStopMark({ root }: StoreFolders): Promise<void> {
  await writeFile(join(root, MARK), '', { mode: FILE_MODE });
}
