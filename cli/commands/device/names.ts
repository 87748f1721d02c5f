// `otter device name`, `note` and `replace`: what operators call a device, what they want the next one to know, and the board that
// takes the place of another.

import { callConfirmed } from '#cli/confirmed-call.ts';
import type { CommandGroup } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { deviceText, notedText } from '#cli/views/note.ts';
import { deviceArgument } from './device-argument.ts';

export function addNameCommands(device: CommandGroup, shell: Shell): void {
  device
    .command('name')
    .description('call a device by a name, which then stands wherever its MAC does; an empty one takes it away')
    .addArgument(deviceArgument())
    .argument('<name>', 'such as sensor-2; no other device has it')
    .action(async (ref, name, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const named = await client.call('nameDevice', { params: { device: ref }, body: { name } });
        show(named, () => (named.name === null ? `${named.mac} has no name` : `${named.mac} is ${named.name}`));
      });
    });

  device
    .command('note')
    .description('write a note on a device, for people; an empty one removes it')
    .addArgument(deviceArgument())
    .argument('<text>')
    .action(async (ref, note, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const noted = await client.call('noteDevice', { params: { device: ref }, body: { note } });
        show(noted, () => notedText(deviceText(noted), noted.note));
      });
    });
}

export function addReplaceCommand(device: CommandGroup, shell: Shell): void {
  device
    .command('replace')
    .description(
      'put another board in the place of one that broke: labels, name, note and hold go over, the old one goes',
    )
    .addArgument(deviceArgument('<old>'))
    .addArgument(deviceArgument('<new>'))
    .option('--yes', 'do not ask')
    .action(async (old, heir, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const done = await callConfirmed(shell, options, async (confirmed) =>
          client.call('replaceDevice', { params: { device: old }, query: { confirm: confirmed }, body: { by: heir } }),
        );
        const labels = done.labels.length === 0 ? '' : `, with ${done.labels.join(', ')}`;
        const did = done.already ? 'has taken the place of' : 'takes the place of';
        show(done, () => `${deviceText(done.by)} ${did} ${done.replaced.mac}${labels}`);
      });
    });
}
