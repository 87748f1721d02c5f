// One stored file: where it is, whether it is there, whether its bytes are those of its name.

import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { errorCode } from './storage-error.ts';
import type { StoreFolders } from './store-folders.ts';

const SHA256 = /^[0-9a-f]{64}$/;

/** Throws `internal` for what is no SHA-256, so that no path can leave the folder. */
export function blobPath({ blobs }: Pick<StoreFolders, 'blobs'>, sha256: string): string {
  if (SHA256.test(sha256)) return join(blobs, sha256);
  throw new OtterError(
    'internal',
    `${JSON.stringify(sha256.slice(0, 100))} is no SHA-256, so no image is stored under it.`,
    'This is a fault of the server: report it with the request id.',
  );
}

/** Whether a file, and no link, of this size is there. Throws the I/O error of a folder that cannot be read. */
export async function isStored(path: string, sizeBytes: number): Promise<boolean> {
  try {
    const stats = await lstat(path);
    return stats.isFile() && stats.size === sizeBytes;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** What is wrong with a file that should hold these bytes; undefined where it is whole. Reads it to its end. */
export async function findFault(path: string, sha256: string, sizeBytes: number): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size !== sizeBytes) return `it has ${stats.size} bytes, recorded are ${sizeBytes}`;
      const found = hash('sha256', await file.readFile());
      return found === sha256 ? undefined : `its bytes have SHA-256 ${found}, recorded is ${sha256}`;
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' ? 'the file is missing' : `the file cannot be read (${code})`;
  }
}
