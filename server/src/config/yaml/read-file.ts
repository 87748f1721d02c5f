// Reads the small files that a configuration is made of: YAML, .env, tokens, certificates. Never more than a bounded
// number of bytes, never a device or a folder, and never an exception: what went wrong becomes a message and a hint.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { MAX_CONFIG_BYTES } from '#protocol/limits.ts';

type FileContent =
  | { readonly ok: true; readonly text: string; readonly mode: number }
  | { readonly ok: false; readonly missing: boolean; readonly message: string; readonly hint: string };

/** The whole file as text: UTF-8, a byte order mark removed. `mode` holds the permission bits. */
export function readSmallFile(file: string): FileContent {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return refusal('is not a file', 'give the path of a file');
    if (isWritableByAll(stat.mode))
      return refusal('can be changed by every user of this machine', `run chmod o-w ${file}`);
    if (stat.size > MAX_CONFIG_BYTES) {
      return refusal(
        `has ${stat.size} bytes, more than the largest ${MAX_CONFIG_BYTES} (1 MiB)`,
        'check that this is the file you mean',
      );
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor));
    return { ok: true, text, mode: stat.mode & 0o7777 };
  } catch (error) {
    return explain(errorCode(error));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Whether the group or others may read, write or use a file of this mode. Windows keeps its rights elsewhere. */
export function isOpenToOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0;
}

/** Whoever may write a configuration runs the server. Windows keeps its rights elsewhere. */
function isWritableByAll(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o002) !== 0;
}

/** The `code` of a Node error (`ENOENT`, `ERR_...`), or an empty text. */
function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function explain(code: string): FileContent {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { ok: false, missing: true, message: 'does not exist', hint: 'run `otter init` to make what is missing' };
    case 'EACCES':
    case 'EPERM':
      return refusal('cannot be read (permission denied)', 'let the user that runs Otter read it');
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return refusal('is not UTF-8 text', 'save it as UTF-8');
    default:
      return refusal(`cannot be read (${code === '' ? 'unknown error' : code})`, 'check the file and its disk');
  }
}

function refusal(message: string, hint: string): FileContent {
  return { ok: false, missing: false, message, hint };
}
