// `otter backup`: the whole server of this machine in one file, while it runs.

import path from 'node:path';
import { findHome } from '#cli/connection/connection.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import type { GlobalOptions, OtterProgram } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatBytes } from '#cli/views/firmware.ts';
import { choosePassphrase } from '#cli/signing/passphrase.ts';
import { withProgress } from './work.ts';

export function addBackupCommands(program: OtterProgram, shell: Shell): void {
  program
    .command('backup')
    .description('database, images, configuration, tokens and keys of this machine in one file, also while it runs')
    .argument('<file>', 'the file to make; it holds the keys of the server')
    .option('--replace', 'put it in the place of a file of that name')
    .option('--encrypt', 'encrypt it with a passphrase that is asked for (age format)')
    .option('--passphrase-file <file>', 'encrypt it with the passphrase in this file')
    .action(async (file, { replace, encrypt, passphraseFile }, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const { finishRestore } = await import('#server/backup/switch.ts');
      await finishRestore(home);
      // Says what to do where no server was set up.
      await getLocalServer(home, shell.env);
      const { loadConfig } = await import('#server/config/config.ts');
      const { makeBackup } = await import('#server/backup/make-backup.ts');
      const { config } = loadConfig({ home, env: shell.env });
      const isSealed = encrypt === true || passphraseFile !== undefined;
      const passphrase = isSealed ? await choosePassphrase(shell, { passphraseFile, of: 'backup' }) : undefined;
      const made = await withProgress(shell, 'stopped; nothing is left of the backup', async (work) =>
        makeBackup({
          config,
          file: path.resolve(shell.folder, file),
          replaces: replace === true,
          passphrase,
          nowMs: Date.now(),
          ...work,
        }),
      );
      output(shell, options).show(made, () => formatMade(made));
    });
}

function formatMade(made: {
  readonly file: string;
  readonly size_bytes: number;
  readonly images: number;
  readonly files: number;
  readonly encrypted: boolean;
  readonly missing_images: readonly { readonly sha256: string; readonly why: string }[];
  readonly not_noted: string | null;
}): string {
  const { file, size_bytes, images, files, encrypted, missing_images, not_noted } = made;
  return [
    `${file}: ${formatBytes(size_bytes)}, the database, ${images} images, ${files} files of configuration, tokens and keys`,
    encrypted
      ? 'it opens with that passphrase alone: keep both, and not in one place'
      : 'it holds every key and token of this server: keep it where nobody else reads it',
    ...missing_images.map(
      ({ sha256, why }) => `image ${sha256} is not in it: ${why} (otter status says of which build)`,
    ),
    not_noted === null ? '' : `the server does not know of it: ${not_noted}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}
