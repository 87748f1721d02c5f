// `otter cert backup`, `otter cert stow`: the second key of the server of this machine, for the day on which the first is lost. Both
// work on files alone and ask no server.

import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { findHome } from '#cli/connection/connection.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { CommandGroup } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { confirm, output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { lockKey } from '#cli/signing/key-file.ts';
import { passphraseOption } from '#cli/signing/options.ts';
import { choosePassphrase } from '#cli/signing/passphrase.ts';
import { formatFacts } from '#cli/terminal.ts';

/** In a folder that is named instead of a file. */
const USUAL_NAME = 'server-backup.key.age';

export function addBackupKeyCommands(cert: CommandGroup, shell: Shell): void {
  cert
    .command('backup')
    .description('make the backup key of a server that has none; `otter init` makes it for new ones')
    .option('--replace', 'give up the backup key that is there: boards that know its pin lose a way back')
    .option('--yes', 'do not ask')
    .action(async (options, command) => {
      const home = await homeOfServer(shell, command.optsWithGlobals());
      const { createBackupKey, findBackupKey, putAsideBackupKey } = await import('#server/home/backup-key.ts');
      const before = findBackupKey(home);
      if (before !== undefined && options.replace !== true)
        throw CommandError.own(
          'already_there',
          `there is a backup key already, with the pin ${before.pin}${before.isStowed ? '; it was put away' : ''}`,
          `to give it up for a new one: ${OTTER} cert backup --replace`,
        );
      if (before !== undefined)
        await confirm(shell, options, `Give up the backup key with the pin ${before.pin}, which boards may know`);
      const putAside = putAsideBackupKey(home, Date.now());
      createBackupKey(home);
      const pin = findBackupKey(home)?.pin ?? '';
      output(shell, command.optsWithGlobals()).show({ pin, put_aside: putAside }, () =>
        [
          formatFacts(
            [['backup pin', pin], ...putAside.map((file) => ['put aside', file] as const)],
            shell.terminal.colors,
          ),
          `next: ${OTTER} board prints both pins for the sketch; ${OTTER} cert stow FILE puts the key away`,
          `boards with a release key get the pin without a build: ${OTTER} cert rotate start`,
        ].join('\n'),
      );
    });

  cert
    .command('stow <file>')
    .description('put the backup key away: encrypt it with a passphrase into a file, and remove it here; its pin stays')
    .addOption(passphraseOption())
    .action(async (name, options, command) => {
      const home = await homeOfServer(shell, command.optsWithGlobals());
      const { findBackupKey } = await import('#server/home/backup-key.ts');
      const backup = findBackupKey(home);
      if (backup === undefined || backup.isStowed)
        throw CommandError.own(
          'key_missing',
          backup === undefined ? 'this server has no backup key' : `the backup key ${backup.pin} was put away already`,
          backup === undefined ? `make it: ${OTTER} cert backup` : `for another one: ${OTTER} cert backup --replace`,
        );
      const file = await readDestination(shell, home, name);
      const passphrase = await choosePassphrase(shell, options);
      await lockKey(file, await readFile(backup.keyFile, 'utf8'), passphrase);
      await rm(backup.keyFile);
      output(shell, command.optsWithGlobals()).show({ pin: backup.pin, file }, () =>
        [
          formatFacts(
            [
              ['backup pin', backup.pin],
              ['key', `${file} (open it without Otter: age -d)`],
            ],
            shell.terminal.colors,
          ),
          'The server keeps the pin alone. Take the file to another place, and the passphrase to a third: on the day of need',
          `  ${OTTER} cert rotate finish --from FILE`,
        ].join('\n'),
      );
    });
}

/** Errors: `server_unknown`, `config_invalid`. */
async function homeOfServer(shell: Shell, options: Parameters<typeof findHome>[0]): Promise<string> {
  const home = await findHome(options, shell);
  await getLocalServer(home, shell.env);
  return home;
}

/** Not inside of the home: who takes that would have both keys. Errors: `argument_invalid`, `already_there`. */
async function readDestination(shell: Shell, home: string, name: string): Promise<string> {
  const named = path.resolve(shell.folder, name);
  const isFolder = (await stat(named).catch(() => undefined))?.isDirectory() === true;
  const file = isFolder ? path.join(named, USUAL_NAME) : named;
  const inHome = path.relative(home, file);
  if (!inHome.startsWith('..') && !path.isAbsolute(inHome))
    throw CommandError.own(
      'argument_invalid',
      `${file} is inside of the home of the server: who takes that would have both keys`,
      'name a file on another disk, such as a USB stick',
    );
  if ((await stat(file).catch(() => undefined)) !== undefined)
    throw CommandError.own('already_there', `${file} is already there`, 'name another file');
  return file;
}
