// `otter device name` and `otter device note`: what operators call a device, and what they want the next one to know.

import { Argument } from '@commander-js/extra-typings';
import { readDevice } from '#cli/arguments.ts';
import type { CommandGroup } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { deviceText, notedText } from '#cli/views/note.ts';

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

function deviceArgument() {
  return new Argument('<device>', 'MAC address in any spelling, the name, or the id')
    .argParser(readDevice)
    .argRequired();
}
