// `otter device hold`, `otter device release` and `otter product ...`: what an operator keeps as it is.

import { Option } from '@commander-js/extra-typings';
import { readUntil } from '#cli/arguments.ts';
import { addBulkCommand, bulkLimit, bulkWhere, changeMeant, oneOrWhere } from './device/bulk.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';
import { formatHistory } from '#cli/views/history.ts';
import { holdText } from '#cli/views/hold.ts';
import { deviceText } from '#cli/views/note.ts';
import { WAYS_BACK } from '#protocol/admin/devices.ts';
import { DEFAULT_HISTORY_HOURS, HISTORY_HOURS } from '#protocol/limits.ts';
import { deviceOrNone } from './device/device-argument.ts';

const REASON = 'why nothing may change, shown wherever the hold is';
const UNTIL = 'when it ends by itself: 3d, 2026-12-24 (the beginning of that day here) or 2026-12-24T18:00';
const wayBack = () =>
  new Option(
    '--way-back <way>',
    'whether the way back from a build that is blocked or reverted stays open (as without this option), or is held too',
  ).choices(WAYS_BACK);

export function addHoldCommands(device: CommandGroup, shell: Shell): void {
  device
    .command('hold')
    .description('hold a device: it is offered nothing new until it is released')
    .addArgument(deviceOrNone())
    .requiredOption('--reason <text>', REASON)
    .addOption(untilOption())
    .addOption(wayBack())
    .addOption(bulkWhere())
    .addOption(bulkLimit())
    .option('--yes', 'do not ask')
    .action(async (typed, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { reason, until, wayBack: way_back } = options;
        const ref = oneOrWhere(typed, options);
        const body = { reason, until, way_back };
        if (ref === undefined)
          return changeMeant(session, shell, options, { verb: 'hold', ...body }, { ask: 'hold', done: 'held' });
        const held = await session.client.call('holdDevice', { params: { device: ref }, body });
        const said = held.hold === null ? '' : `: ${holdText(held.hold, Date.now())}`;
        return session.show(held, () => `${deviceText(held)} is held${said}`);
      });
    });

  addBulkCommand(device, shell, {
    name: 'release',
    description: 'end the hold of a device',
    verb: 'release',
    words: { ask: 'release', done: 'released' },
    changeOne: async ({ client, show }, ref) => {
      const released = await client.call('releaseDevice', { params: { device: ref } });
      show(
        released,
        () => `${deviceText(released)} is released: it gets what its rollouts have for it with its next check`,
      );
    },
  });
}

export function addProductCommands(program: OtterProgram, shell: Shell): void {
  const product = addGroup(program, 'product', 'products: which there are, and which of them are frozen');

  product
    .command('list')
    .description('products that have firmware or devices')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getProducts', {});
        show({ items }, () =>
          items.length === 0
            ? 'no products; one appears with its first firmware or device'
            : formatTable(
                ['product', 'devices', 'frozen'],
                items.map(({ product: name, devices, freeze }) => [
                  name,
                  String(devices),
                  freeze === null ? '' : printable(holdText(freeze, Date.now())),
                ]),
                terminal.colors,
              ),
        );
      });
    });

  product
    .command('history <product>')
    .description('how many devices ran which version, hour by hour')
    .addOption(
      new Option('--hours <n>', `the last so many hours, 1 to ${HISTORY_HOURS}`).default(String(DEFAULT_HISTORY_HOURS)),
    )
    .action(async (name, { hours }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const history = await client.call('getProductHistory', { params: { name }, query: { hours } });
        show(history, () => formatHistory(history, terminal.colors));
      });
    });

  product
    .command('freeze <product>')
    .description('freeze a product: none of its devices is offered anything new until somebody ends it')
    .requiredOption('--reason <text>', REASON)
    .addOption(untilOption())
    .addOption(wayBack())
    .action(async (name, { reason, until, wayBack: way_back }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const frozen = await client.call('freezeProduct', { params: { name }, body: { reason, until, way_back } });
        const ends = frozen.freeze?.until ?? null;
        show(
          frozen,
          () =>
            `product ${name} is frozen, with ${frozen.devices} devices${ends === null ? '' : `; it ends ${relativeTime(ends, Date.now())}`}`,
        );
      });
    });

  product
    .command('unfreeze <product>')
    .description('end the freeze of a product')
    .action(async (name, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const answer = await client.call('unfreezeProduct', { params: { name } });
        show(answer, () => `product ${name} is not frozen any more: its rollouts go on`);
      });
    });
}

function untilOption() {
  return new Option('--until <when>', UNTIL).argParser((text) => readUntil(text, Date.now()));
}
