// Files that only this user may read: what a person has trusted, and tokens. Each is replaced whole, so that a crash never
// leaves half of one.

import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';

const MAX_TOKEN_FILE_BYTES = 4096;

/** Mode 0600, in a folder of mode 0700. Errors: `file_unwritable`. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
    await rename(unfinished, file);
  } catch (cause) {
    const message = `cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw CommandError.own('file_unwritable', message, 'let this user write there, or set XDG_CONFIG_HOME', { cause });
  } finally {
    await rm(unfinished, { force: true });
  }
}

/**
 * A token that other users of the machine can read is no secret any more.
 * Errors: `token_file_exposed`, and those of `readInputFile`.
 */
export async function readPrivateFile(file: string): Promise<string> {
  const { bytes, mode } = await readInputFile(file, { what: 'token', maxBytes: MAX_TOKEN_FILE_BYTES });
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw CommandError.own(
      'token_file_exposed',
      `others can read the token file ${file} (mode ${mode.toString(8).padStart(4, '0')})`,
      `chmod 600 ${file}`,
    );
  }
  return bytes.toString('utf8').trim();
}
