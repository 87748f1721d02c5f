// Makes files that must be whole or not there at all (keys, tokens, first configuration), and never writes over one. Each
// is written under a temporary name, synced, and given its name by link(2), which fails where the name is taken; a
// rename would replace what is there.

import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { OtterError } from '#protocol/errors.ts';

type NewFile = { readonly path: string; readonly text: string; readonly mode: number };

/**
 * Makes all of `files` or none of them; after a failure nothing is left, not even a temporary file.
 * @throws OtterError `start_refused` where a name is taken, the disk is full, or a folder cannot be written.
 */
export function createFiles(files: readonly NewFile[]): void {
  const temporary: string[] = [];
  const made: string[] = [];
  try {
    const written = files.map((file) => {
      const name = `${file.path}.${randomUUID()}.tmp`;
      temporary.push(name);
      writeWhole(name, file);
      return { name, path: file.path };
    });
    for (const { name, path } of written) {
      linkSync(name, path);
      made.push(path);
    }
  } catch (cause) {
    for (const path of made) rmSync(path, { force: true });
    const names = files.map(({ path }) => path).join(' and ');
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = 'free some space or give the folder to the user that runs Otter; nothing was left half written';
    throw new OtterError('start_refused', `cannot make ${names}: ${reason}`, hint, { cause });
  } finally {
    for (const name of temporary) rmSync(name, { force: true });
  }
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) syncFolder(folder);
}

function writeWhole(name: string, { text, mode }: NewFile): void {
  const descriptor = openSync(name, 'wx', mode);
  try {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The new name itself must outlive a power cut. Windows has no such call for folders. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
