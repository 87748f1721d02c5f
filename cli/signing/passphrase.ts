// The passphrase of a key file or a backup: of a file, of the environment (for keys, in CI), or typed without an echo.

import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { readInputFile } from '#cli/input-file.ts';
import type { Shell } from '#cli/shell.ts';

const MAX_PASSPHRASE_BYTES = 1_024;

/** Guesses cost seconds each, so this many characters that nobody can look up are enough. */
const MIN_PASSPHRASE_CHARS = 10;

export interface PassphraseOptions {
  readonly passphraseFile?: string | undefined;
  /** A key unless said: only that one has a variable of the environment. */
  readonly of?: 'backup';
}

/** For a key or backup that is there. Errors: `passphrase_missing`, and those of `readInputFile`. */
export async function readPassphrase(shell: Shell, options: PassphraseOptions, file: string): Promise<string> {
  const given = await findGiven(shell, options);
  if (given !== undefined) return given;
  const typed = await ask(shell, options, `Passphrase of ${path.basename(file)}:`);
  if (typed === '') throw CommandError.own('passphrase_missing', 'no passphrase was typed', 'repeat the command');
  return typed;
}

/** For a new one: typed twice. Errors: as `readPassphrase`, and `passphrase_weak`. */
export async function choosePassphrase(shell: Shell, options: PassphraseOptions): Promise<string> {
  const given = await findGiven(shell, options);
  const what = options.of ?? 'key';
  const passphrase =
    given ??
    (await ask(shell, options, `Passphrase for the new ${what} (at least ${MIN_PASSPHRASE_CHARS} characters):`));
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    const found = `the passphrase has ${passphrase.length} characters, it needs at least ${MIN_PASSPHRASE_CHARS}`;
    throw CommandError.own('passphrase_weak', found, 'choose a longer one: four or five random words are good');
  }
  if (given !== undefined) return passphrase;
  if ((await ask(shell, options, 'The same once more:')) === passphrase) return passphrase;
  throw CommandError.own('passphrase_weak', 'the two passphrases differ', 'repeat the command; nothing was made');
}

async function findGiven(shell: Shell, { passphraseFile, of }: PassphraseOptions): Promise<string | undefined> {
  if (passphraseFile !== undefined) {
    const file = path.resolve(shell.folder, passphraseFile);
    const { bytes } = await readInputFile(file, { what: 'passphrase', maxBytes: MAX_PASSPHRASE_BYTES });
    return bytes.toString('utf8').trim();
  }
  if (of === 'backup') return undefined;
  const ofEnvironment = shell.env['OTTER_KEY_PASSPHRASE'] ?? '';
  return ofEnvironment === '' ? undefined : ofEnvironment;
}

async function ask(shell: Shell, { of }: PassphraseOptions, question: string): Promise<string> {
  if (shell.terminal.canAsk) return shell.terminal.askSecret(question, shell.interrupted());
  throw CommandError.own(
    'passphrase_missing',
    `the ${of ?? 'key'} needs its passphrase, and there is no terminal to ask on`,
    `${of === 'backup' ? '' : 'set OTTER_KEY_PASSPHRASE, or '}name a file with --passphrase-file`,
  );
}
