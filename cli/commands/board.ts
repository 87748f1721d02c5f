// `otter board`: what goes into a sketch, and the boards that fail to get in.

import { Option } from '@commander-js/extra-typings';
import type { AdminClient } from '#cli/connection/admin-client.ts';
import type { OtterProgram } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { findPublicKeys, type NamedPublicKey } from '#cli/signing/key-file.ts';
import { formatBoardProblems, formatSecrets, formatSecretsForPhone } from '#cli/views/board.ts';

export function addBoardCommands(program: OtterProgram, shell: Shell): void {
  const board = program
    .command('board')
    .description(
      'what goes into a sketch: address, pin, token and the release keys of this folder, as secrets.h, ready to paste',
    )
    .addOption(new Option('--qr', 'the same as a code for the camera of a phone').conflicts('json'))
    .action(async ({ qr }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, json, show, terminal }) => {
        const settings = await client.call('getBoardSettings', {});
        // Never those that the server has: a stolen one would bring its own into every new sketch.
        const keys = await findPublicKeys(shell.folder);
        const text = qr === true ? await formatSecretsForPhone(settings) : formatSecrets(settings, keys);
        // As it is, however wide the terminal: it is pasted, or read by a camera.
        if (json) show({ ...settings, release_keys: keys.map(viewKey) }, () => text);
        else terminal.print(text);
        if (keys.length === 0 && (await takesSignedAlone(client)))
          terminal.note(
            'This server takes signed builds alone: in the folder with release.pub and backup.pub this prints their lines too.',
          );
        terminal.note('The token opens this server for every board that has it: keep it out of your repository.');
      });
    });

  board
    .command('problems')
    .description('boards that fail to get in: wrong pin, wrong token, refused requests, with the likely cause')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getBoardProblems', {});
        show({ items }, () => formatBoardProblems(items, Date.now(), terminal.colors));
      });
    });
}

function viewKey({ name, key }: NamedPublicKey) {
  return { name, key_id: key.keyId, public_key: key.pem };
}

async function takesSignedAlone(client: AdminClient): Promise<boolean> {
  const { items } = await client.call('getReleaseKeys', {});
  return items.some(({ retired_at: retired }) => retired === null);
}
