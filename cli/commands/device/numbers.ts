// `otter device numbers`: how many devices there are of each product, chip, version, status, label and mark.

import { Option } from '@commander-js/extra-typings';
import type { CommandGroup } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';
import { pointing, whereOption } from '#cli/where.ts';
import { type DeviceNumbers, NUMBERED_BY } from '#protocol/admin/fleet/device-numbers.ts';

export function addNumbersCommand(device: CommandGroup, shell: Shell): void {
  device
    .command('numbers')
    .description('how many devices there are of each product, chip, version, status, label and mark')
    .addOption(new Option('--by <kind>', 'by this alone').choices(NUMBERED_BY))
    .addOption(whereOption('only devices that a query means'))
    .action(async ({ by, where }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const answer = await pointing(where, async () =>
          client.call('getDeviceNumbers', { query: { where, ...(by === undefined ? {} : { by }) } }),
        );
        show(answer, () =>
          answer.devices === 0
            ? 'no such devices; a device appears with its first check'
            : `${formatTable(['', 'is', 'devices'], rowsOf(answer), terminal.colors)}\n${answer.devices} devices`,
        );
      });
    });
}

function rowsOf({ numbers }: DeviceNumbers): string[][] {
  return numbers.flatMap(({ by, values, more }) => [
    ...values.map(({ value, devices }, index) => [
      index === 0 ? by : '',
      value === null ? '(not said)' : printable(value),
      String(devices),
    ]),
    ...(more === 0 ? [] : [['', `(${more} more)`, '']]),
  ]);
}
