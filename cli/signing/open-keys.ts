// Which keys a command signs with: those that are named, that of OTTER_RELEASE_KEY, or `release.key.age` of the current folder.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import type { Shell } from '#cli/shell.ts';
import { type OpenedKey, openKeyFile } from './key-file.ts';
import { type PassphraseOptions, readPassphrase } from './passphrase.ts';

const USUAL_KEY_FILE = 'release.key.age';

export interface KeyOptions extends PassphraseOptions {
  readonly key?: readonly string[] | undefined;
}

/** Empty: none is configured. Nothing is opened yet. */
export async function findKeyFiles(shell: Shell, { key }: KeyOptions): Promise<readonly string[]> {
  const configured = shell.env['OTTER_RELEASE_KEY'] ?? '';
  const named = key ?? (configured === '' ? [] : configured.split(path.delimiter));
  if (named.length > 0) return named.map((file) => path.resolve(shell.folder, file));
  const usual = path.join(shell.folder, USUAL_KEY_FILE);
  return (await stat(usual).catch(() => undefined)) === undefined ? [] : [usual];
}

/** Each with its passphrase. Errors: those of `openKeyFile` and `readPassphrase`, and `key_missing`. */
export async function openKeys(shell: Shell, options: KeyOptions): Promise<readonly OpenedKey[]> {
  const files = await findKeyFiles(shell, options);
  if (files.length === 0)
    throw CommandError.own(
      'key_missing',
      'there is no release key to sign with',
      `name it with --key, set OTTER_RELEASE_KEY, or make one: otter key create`,
    );
  const opened: OpenedKey[] = [];
  for (const file of files) {
    const passphrase = await readPassphrase(shell, options, file);
    opened.push(await openKeyFile(file, passphrase));
  }
  return opened;
}
