// How much room the disk of a folder has.

import { statfs } from 'node:fs/promises';

/** What this process may still write there; undefined where it cannot be asked. */
export async function freeSpaceOf(
  folder: string,
): Promise<{ readonly free_bytes: number; readonly total_bytes: number } | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  if (found === undefined) return undefined;
  return { free_bytes: found.bavail * found.bsize, total_bytes: found.blocks * found.bsize };
}
