// What a failed write says to the operator.

import { OtterError } from '#protocol/errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** `storage_full` for a full disk or quota; every other error as it came. `folder` is where the images are kept. */
export function asStorageError(error: unknown, folder: string): unknown {
  const code = errorCode(error);
  if (code === undefined || !FULL.has(code)) return error;
  return new OtterError(
    'storage_full',
    `No room to store the image in ${folder} (${code}).`,
    'Free some space on that disk or raise its quota, then upload again. Nothing was kept of this upload.',
    { cause: error },
  );
}

/** The system's name of an I/O error (`ENOENT`), if it is one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
