// Files that a person names: read whole, at most a stated size, and never a folder or a device. Every refusal names the path.

import { open } from 'node:fs/promises';
import { CommandError } from './exit-code.ts';

export interface InputFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** Permission bits, for example 0o600. */
  readonly mode: number;
}

/**
 * Errors: `file_unreadable` (not there, a folder, not a file, no permission), `file_empty`, `file_too_large`; each with
 * the exit code of bad input.
 */
export async function readInputFile(
  path: string,
  limits: { readonly what: string; readonly maxBytes: number },
): Promise<InputFile> {
  // Opened before it is looked at, so that what was checked is what is read.
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, limits.what, error);
  });
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw notAFile(path, 'a folder', limits.what);
    if (!stat.isFile()) throw notAFile(path, 'not a regular file', limits.what);
    if (stat.size > limits.maxBytes) throw tooLarge(path, stat.size, limits);
    const bytes = await handle.readFile();
    if (bytes.length === 0)
      throw CommandError.own('file_empty', `${path} is empty`, `name the file of the ${limits.what}`);
    return { path, bytes, mode: stat.mode & 0o777 };
  } finally {
    await handle.close();
  }
}

function notAFile(path: string, found: string, what: string): CommandError {
  return CommandError.own('file_unreadable', `${path} is ${found}`, `name the file of the ${what}`);
}

function tooLarge(
  path: string,
  sizeBytes: number,
  limits: { readonly what: string; readonly maxBytes: number },
): CommandError {
  return CommandError.own(
    'file_too_large',
    `${path} has ${sizeBytes} bytes, the most for the ${limits.what} is ${limits.maxBytes}`,
    `name the file of the ${limits.what}`,
  );
}

function unreadable(path: string, what: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = `cannot read ${path}: ${REASONS[code] ?? (error instanceof Error ? error.message : code)}`;
  return CommandError.own('file_unreadable', message, `name the file of the ${what}`, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  EISDIR: 'it is a folder',
};
