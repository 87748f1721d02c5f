// `otter restore`: a server from its backup, into a home that is empty or is moved aside.

import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { findHome, typedFor } from '#cli/connection/connection.ts';
import type { GlobalOptions, OtterProgram } from '#cli/program.ts';
import { confirm, output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { readPassphrase } from '#cli/signing/passphrase.ts';
import { withProgress } from './work.ts';

export function addRestoreCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('restore')
    .description('make this home the server of a backup; nothing is changed before all of it is proven')
    .argument('<file>', 'the file that `otter backup` made')
    .option('--blocked <builds...>', 'builds that were blocked after the backup, as VERSION or PRODUCT/VERSION')
    .option('--none-blocked', 'no build was blocked after the backup')
    .option('--aside', 'move aside what is there; nothing is removed')
    .option('--outside', 'also put back files from outside of the home, such as a certificate in /etc')
    .option('--passphrase-file <file>', 'file with the passphrase of the backup')
    .option('--yes', 'do not ask')
    .action(async (file, { blocked, noneBlocked, aside, outside, passphraseFile, yes }, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      if (blocked !== undefined && noneBlocked === true)
        throw CommandError.usage('--blocked and --none-blocked contradict each other', 'give one of them');
      const home = await findHome(options, shell);
      const { restoreBackup } = await import('#server/backup/restore.ts');
      const backup = path.resolve(shell.folder, file);
      const said = noneBlocked === true ? [] : blocked?.map(readBuild);
      const restored = await withProgress(shell, 'stopped; everything is as it was', async (work) =>
        restoreBackup({
          file: backup,
          home,
          env: shell.env,
          movesAside: aside === true,
          writesOutside: outside === true,
          passphrase: async () => readPassphrase(shell, { passphraseFile, of: 'backup' }, backup),
          askBlocked: async ({ made_at }) => {
            if (said === undefined && shell.terminal.canAsk) {
              shell.terminal.progress('');
              const since = `${made_at.slice(0, 16).replace('T', ' ')} UTC`;
              shell.terminal.note(
                `Builds that were blocked since ${since} would be offered again: name them with --blocked, or say --none-blocked.`,
              );
              await confirm(shell, { yes }, 'go on without, and freeze every product until you say otherwise');
            }
            return said;
          },
          nowMs: Date.now(),
          ...work,
        }),
      );
      output(shell, options).show(restored, () => formatRestored(restored, typedFor(home, shell)));
    });
}

function readBuild(text: string): { readonly product: string | undefined; readonly version: string } {
  const at = text.indexOf('/');
  if (at < 0) return { product: undefined, version: text };
  return { product: text.slice(0, at), version: text.slice(at + 1) };
}

function formatRestored(
  restored: {
    readonly home: string;
    readonly backup_made_at: string;
    readonly backup_made_by: string;
    readonly images: number;
    readonly missing_images: readonly { readonly sha256: string; readonly why: string }[];
    readonly blocked: readonly string[];
    readonly not_in_backup: readonly string[];
    readonly frozen: readonly string[];
    readonly moved: readonly { readonly from: string; readonly to: string }[];
  },
  typed: (words: string) => string,
): string {
  const { home, backup_made_at, backup_made_by, images, missing_images, blocked, not_in_backup, frozen, moved } =
    restored;
  return [
    `${home} is the server ${backup_made_by} as it was at ${backup_made_at}, with ${images} images`,
    ...moved.map(({ from, to }) => `${from} is now ${to}`),
    ...missing_images.map(({ sha256, why }) => `image ${sha256} was not in the backup: ${why}`),
    blocked.length === 0 ? '' : `blocked: ${blocked.join(', ')}`,
    not_in_backup.length === 0 ? '' : `not in the backup, so nothing to block: ${not_in_backup.join(', ')}`,
    ...(frozen.length === 0
      ? []
      : [
          `frozen, since nobody said which builds were blocked after the backup: ${frozen.join(', ')}`,
          ...frozen.map((product) => `  block those builds, then: ${typed(`product unfreeze ${product}`)}`),
        ]),
    `start it: ${typed('start')}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}
