// `otter device export` and `otter device import`: names, labels and notes of devices as a CSV file.

import { Option } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { Answer } from '#cli/connection/admin-client.ts';
import { readInputFile } from '#cli/input-file.ts';
import type { CommandGroup } from '#cli/program.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatImport, formatImported } from '#cli/views/device-table.ts';
import { CommandError } from '#cli/exit-code.ts';
import { pointing, whereOption } from '#cli/where.ts';
import { MAX_TABLE_BYTES } from '#protocol/limits.ts';

export function addTableCommands(device: CommandGroup, shell: Shell): void {
  device
    .command('export')
    .description('devices as lines of CSV: mac, name, labels, note')
    .addOption(whereOption('only devices that'))
    .option('--excel', 'as a spreadsheet opens it at a double click: with a byte order mark, semicolons and CRLF')
    .action(async ({ where, excel }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, terminal, json, show }) => {
        const form = excel === true ? 'excel' : 'plain';
        const parts: string[] = [];
        let devices = 0;
        let cursor: string | undefined;
        do {
          const query = { where, form, cursor } as const;
          const page: Answer<'getDeviceTable'> = await pointing(where, async () =>
            client.call('getDeviceTable', { query }),
          );
          devices += page.devices;
          cursor = page.next_cursor ?? undefined;
          if (json) parts.push(page.csv);
          else if (page.csv !== '') terminal.printExactly(page.csv.replace(/\n$/, ''));
        } while (cursor !== undefined);
        if (json) show({ csv: parts.join(''), devices }, () => '');
      });
    });

  device
    .command('import <file>')
    .description(
      'give devices the names, labels and notes of a CSV file; a column that it does not have stays as it is',
    )
    .option('--dry-run', 'say only what would change, and what is wrong in which line')
    .option('--skip-unknown', 'leave lines out whose device has not checked in')
    .addOption(new Option('--yes', 'do not ask').conflicts('dryRun'))
    .action(async (file, { dryRun, skipUnknown, yes }, command) => {
      const path = resolve(shell.folder, file);
      const { bytes } = await readInputFile(path, { what: 'table of devices', maxBytes: MAX_TABLE_BYTES });
      await withSession(shell, command.optsWithGlobals(), async ({ client, terminal, json, show }) => {
        const skip = skipUnknown === true ? ({ skip_unknown: 'true' } as const) : {};
        const would = await client.importTable({ ...skip }, bytes);
        if (dryRun === true) return show(would, () => formatImport(would));
        if (would.fault_count > 0) {
          if (!json) terminal.note(formatImport(would));
          throw CommandError.own(
            'file_invalid',
            `${would.fault_count} ${would.fault_count === 1 ? 'line is' : 'lines are'} wrong; nothing was changed`,
            'mend the file, and look at it with --dry-run',
          );
        }
        if (would.changed === 0) return show(would, () => 'nothing to change: every device is as the file says');
        if (yes !== true && shell.terminal.canAsk) terminal.note(formatImport(would));
        await confirm(shell, { yes }, `change ${would.changed} of ${would.devices} devices`);
        const done = await client.importTable({ ...skip, confirm: 'true' }, bytes);
        show(done, () => formatImported(done));
      });
    });
}
