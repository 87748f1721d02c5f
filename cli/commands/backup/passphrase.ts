// The passphrase of a backup: of a file, or typed without an echo.

import path from 'node:path';
import { Option } from '@commander-js/extra-typings';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import type { Shell } from '#cli/shell.ts';

const MAX_PASSPHRASE_BYTES = 1_024;

/** Each guess costs a second, so this many characters that nobody can look up are enough. */
const MIN_PASSPHRASE_CHARS = 10;

export function passphraseFileOption(what: string) {
  return new Option('--passphrase-file <file>', what);
}

/** For a backup that is there. Errors: `passphrase_missing`, those of `readInputFile`. */
export async function readPassphrase(shell: Shell, file: string | undefined, backup: string): Promise<string> {
  if (file !== undefined) return readFromFile(shell, file);
  return ask(shell, `Passphrase of ${path.basename(backup)}:`);
}

/** For a new backup: typed twice. Errors: as `readPassphrase`, and `passphrase_weak`. */
export async function choosePassphrase(shell: Shell, file: string | undefined): Promise<string> {
  const chosen =
    file === undefined
      ? await ask(shell, `Passphrase for the backup (at least ${MIN_PASSPHRASE_CHARS} characters):`)
      : await readFromFile(shell, file);
  if (chosen.length < MIN_PASSPHRASE_CHARS)
    throw CommandError.own(
      'passphrase_weak',
      `the passphrase has ${chosen.length} characters, it needs at least ${MIN_PASSPHRASE_CHARS}`,
      'choose a longer one: four or five random words are good',
    );
  if (file !== undefined || (await ask(shell, 'The same once more:')) === chosen) return chosen;
  throw CommandError.own('passphrase_weak', 'the two passphrases differ', 'repeat the command; nothing was made');
}

/** Its first line, without the end of that line. */
async function readFromFile(shell: Shell, file: string): Promise<string> {
  const limits = { what: 'passphrase', maxBytes: MAX_PASSPHRASE_BYTES };
  const { bytes } = await readInputFile(path.resolve(shell.folder, file), limits);
  return bytes.toString('utf8').split(/\r?\n/, 1)[0] ?? '';
}

async function ask(shell: Shell, question: string): Promise<string> {
  if (!shell.terminal.canAsk)
    throw CommandError.own(
      'passphrase_missing',
      'this backup needs a passphrase, and there is no terminal to ask for it on',
      'name a file that has it: --passphrase-file FILE',
    );
  const typed = await shell.terminal.askSecret(question, shell.interrupted());
  if (typed !== '') return typed;
  throw CommandError.own('passphrase_missing', 'no passphrase was typed', 'repeat the command; nothing was changed');
}
