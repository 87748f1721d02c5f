// Proves that a folder takes a write, by making one; and says in words why it does not. The proof waits for no disk: what
// the kernel takes without an error is enough.

import { accessSync, constants } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OtterError } from '#protocol/errors.ts';

/** More than what is left in the last block of a file, less than anybody misses. */
const PROOF = Buffer.alloc(65_536);

/** Seconds after which such trouble may be over: somebody has to look. */
const TROUBLE_RETRY_S = 60;

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const NOT_WRITABLE = new Set(['EROFS', 'EACCES', 'EPERM']);

/** Undefined where the folder takes a write. `what` names it in the message, which tells no path: it may be public. */
export async function findWriteFault(folder: string, what: string): Promise<OtterError | undefined> {
  // Two servers may prove the same folder at once.
  const file = join(folder, `.proof-${process.pid}-${Date.now()}`);
  try {
    await writeFile(file, PROOF, { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    return explainDiskError(error, what) ?? unreachable(what, error);
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** `storage_full`, `storage_read_only`, or `unavailable` for a disk that fails; undefined where this is no error of a disk. */
export function explainDiskError(error: unknown, what: string): OtterError | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  if (FULL.has(code))
    return new OtterError('storage_full', `${what} is full (${code})`, 'free some space: df -h shows where', {
      cause: error,
    });
  if (NOT_WRITABLE.has(code)) return notWritable(what, code, error);
  if (code === 'EIO')
    return new OtterError('unavailable', `${what} fails (EIO)`, 'look at the disk of the server: dmesg | tail', {
      retryAfterS: TROUBLE_RETRY_S,
      cause: error,
    });
  return undefined;
}

/** Whether the folder refuses writes now, as far as that can be asked without one. */
export function findReadOnly(folder: string, what: string): OtterError | undefined {
  try {
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code !== undefined && NOT_WRITABLE.has(code) ? notWritable(what, code, error) : undefined;
  }
}

function notWritable(what: string, code: string, cause: unknown): OtterError {
  return code === 'EROFS'
    ? new OtterError(
        'storage_read_only',
        `${what} is read-only (${code})`,
        'find out why (dmesg | tail), then: mount -o remount,rw; no restart is needed',
        { retryAfterS: TROUBLE_RETRY_S, cause },
      )
    : new OtterError(
        'storage_read_only',
        `the server has no right to write to ${what} (${code})`,
        'give it to the user that runs Otter: chown -R otter: data',
        { retryAfterS: TROUBLE_RETRY_S, cause },
      );
}

function unreachable(what: string, cause: unknown): OtterError {
  return new OtterError(
    'unavailable',
    `${what} cannot be written (${codeOf(cause) ?? 'no reason known'})`,
    'look into the log of the server',
    { retryAfterS: TROUBLE_RETRY_S, cause },
  );
}

/** The system's name of an I/O error (`ENOENT`), if it is one. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
