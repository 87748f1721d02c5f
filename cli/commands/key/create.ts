// `otter key create`: makes a release key and its backup on this computer. It asks no server.

import path from 'node:path';
import type { CommandGroup } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { choosePassphrase } from '#cli/signing/passphrase.ts';
import { createKeyFiles, type CreatedKey, refuseOverwrite, USUAL_NAMES } from '#cli/signing/key-file.ts';
import { type Colors, formatFacts } from '#cli/terminal.ts';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';

export function addKeyCreate(key: CommandGroup, shell: Shell): void {
  key
    .command('create [name]')
    .description('make a release key and a backup key here, encrypted with a passphrase; a name makes that one alone')
    .option('--folder <folder>', 'where the files go (the current folder if not said)')
    .option('--passphrase-file <file>', 'file with the passphrase (or OTTER_KEY_PASSPHRASE)')
    .action(async (name, options, command) => {
      const folder = path.resolve(shell.folder, options.folder ?? '.');
      const names = name === undefined ? USUAL_NAMES : [readKeyName(name)];
      await refuseOverwrite(folder, names);
      const passphrase = await choosePassphrase(shell, options);
      const keys = await createKeyFiles(folder, names, passphrase);
      const { show, terminal } = output(shell, command.optsWithGlobals());
      show({ keys }, () => formatCreated(keys, terminal.colors));
    });
}

function readKeyName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name;
  throw CommandError.own(
    'argument_invalid',
    `name ${JSON.stringify(name)} is invalid`,
    'use letters, digits, dot, dash and underscore',
  );
}

function formatCreated(keys: readonly CreatedKey[], colors: Colors): string {
  const facts = keys.map((key) =>
    formatFacts(
      [
        ['key', `${key.name} ${key.key_id}`],
        ['secret', `${key.key_file} (open it without Otter: age -d)`],
        ['public', key.public_key_file],
      ],
      colors,
    ),
  );
  const [first] = keys;
  return [
    ...facts,
    ...(keys.length > 1
      ? [
          'Put the backup key and the passphrase away, each on its own: without them a lost release key ends all updates.',
        ]
      : []),
    `next: put the public keys into the sketch (${OTTER} board prints the lines), then ${OTTER} key trust ${path.basename(first?.public_key_file ?? 'release.pub')}`,
  ].join('\n\n');
}
