// `otter device ...`: what each board runs, and why it gets an update or not.

import { Argument, Option } from '@commander-js/extra-typings';
import { callConfirmed } from '#cli/confirmed-call.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addBulkCommand, bulkLimit, bulkWhere, changeMeant, oneOrWhere } from './device/bulk.ts';
import { addLabelsOfDevices } from './device/label.ts';
import { addNameCommands, addReplaceCommand } from './device/names.ts';
import { addNumbersCommand } from './device/numbers.ts';
import { addTableCommands } from './device/table.ts';
import { addTokensOfDevices } from './device/tokens.ts';
import { addHoldCommands } from './hold.ts';
import { addOrderCommands } from './device/orders.ts';
import { formatCleared, formatDevice, formatExplanation, gapText } from '#cli/views/device.ts';
import { formatTelemetry } from '#cli/views/health.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { deviceText } from '#cli/views/note.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { pointing, whereOption } from '#cli/where.ts';
import { type Device } from '#protocol/admin/devices.ts';
import { COUNTED, DEVICE_STATUSES } from '#protocol/admin/states.ts';
import { TELEMETRY_HOURS } from '#protocol/limits.ts';
import { deviceArgument, deviceOrNone } from './device/device-argument.ts';

export function addDeviceCommands(program: OtterProgram, shell: Shell): void {
  const device = addGroup(program, 'device', 'devices: what they run and why');

  addListCommand(device, {
    name: 'list',
    description: 'devices and what they run',
    sortFields: 'mac, name, last_seen_at, first_seen_at, current_version',
  })
    .option('--product <product>', 'only devices of this product')
    .option('--label <label>', 'only devices that have this label')
    .option('--version <version>', 'only devices that run this version')
    .addOption(new Option('--status <status>', 'only devices of this status').choices(DEVICE_STATUSES))
    .option('--mac <beginning>', 'only devices whose MAC begins like this')
    .addOption(whereOption('only devices that a query means'))
    .option('--flapping', 'only devices that come and go')
    .option('--overdue', 'only devices whose check has not come in time')
    .action(async (options, command) => {
      const { product, label, version, status, mac } = options;
      const where = whereOf(options);
      const isOfRhythm = options.flapping === true || options.overdue === true;
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const filter = { product, label, version, status, mac, where };
        await showList(
          session,
          options,
          async (query) =>
            pointing(where, async () => session.client.call('listDevices', { query: { ...query, ...filter } })),
          {
            head: [
              'mac',
              'name',
              'product',
              'version',
              'status',
              'labels',
              'chip',
              'address',
              'seen',
              ...(isOfRhythm ? ['usual gap'] : []),
            ],
            row: (one) => [
              one.mac,
              one.name ?? '',
              one.product,
              one.current_version,
              statusText(one),
              one.labels.join(' '),
              one.chip ?? '',
              one.ip ?? '',
              relativeTime(one.last_seen_at, Date.now()),
              ...(isOfRhythm ? [gapText(one)] : []),
            ],
            empty: 'no such devices; a device appears with its first check',
          },
        );
      });
    });

  addNumbersCommand(device, shell);
  addDeviceViews(device, shell);
  addLabelsOfDevices(device, shell);
  addDeviceChanges(device, shell);
  addNameCommands(device, shell);
  addHoldCommands(device, shell);
  addOrderCommands(device, shell);
  addTokensOfDevices(device, shell);
  addDeviceRemoval(device, shell);
  addReplaceCommand(device, shell);
  addTableCommands(device, shell);
}

/** The commands that show one device. */
function addDeviceViews(device: CommandGroup, shell: Shell): void {
  device
    .command('show')
    .description('one device: what it says of itself, its labels, its latest assignments')
    .addArgument(deviceArgument())
    .action(async (ref, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const detail = await client.call('getDevice', { params: { device: ref } });
        show(detail, () => formatDevice(detail, Date.now(), terminal.colors));
      });
    });

  device
    .command('explain')
    .description('why a device gets an update or not: every rule with what it saw')
    .addArgument(deviceArgument())
    .action(async (ref, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const explanation = await client.call('explainDevice', { params: { device: ref } });
        show(explanation, () => formatExplanation(explanation, terminal.colors));
      });
    });

  device
    .command('telemetry')
    .description(`how a device fared in each of the last ${TELEMETRY_HOURS} hours`)
    .addArgument(deviceArgument())
    .action(async (ref, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const telemetry = await client.call('getTelemetry', { params: { device: ref } });
        show(telemetry, () => formatTelemetry(telemetry, terminal.colors));
      });
    });
}

/** The query that options and `--where` make together. */
function whereOf(options: {
  readonly where?: string | undefined;
  readonly flapping?: true | undefined;
  readonly overdue?: true | undefined;
}): string | undefined {
  const flags = [...(options.flapping === true ? ['flapping'] : []), ...(options.overdue === true ? ['overdue'] : [])];
  if (flags.length === 0) return options.where;
  return [...(options.where === undefined ? [] : [`(${options.where})`]), ...flags].join(' and ');
}

/** The commands that change what the server knows of a device. */
function addDeviceChanges(device: CommandGroup, shell: Shell): void {
  device
    .command('count')
    .description('say whether a device counts in gates: yes, no (a test board), or auto for the rules')
    .addArgument(deviceArgument())
    .addArgument(new Argument('<counted>', 'yes, no or auto').choices(COUNTED))
    .option('--reason <text>', 'why, shown with the device')
    .action(async (ref, counted, { reason }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('setCounted', { params: { device: ref }, body: { counted, reason } });
        show(changed, () => countedText(changed));
      });
    });

  device
    .command('test')
    .description('say that a device is a test board, which no gate and no number of the fleet counts; off: it is none')
    .addArgument(deviceArgument())
    .addArgument(new Argument('<test>', 'on or off').choices(['on', 'off']))
    .option('--reason <text>', 'why, shown with the device')
    .action(async (ref, test, { reason }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const counted = test === 'on' ? 'no' : 'auto';
        const changed = await client.call('setCounted', { params: { device: ref }, body: { counted, reason } });
        show(changed, () => countedText(changed));
      });
    });

  device
    .command('clear-known-bad')
    .description('forget that builds failed on a device: they are offered again, and the offer tells the device')
    .addArgument(deviceOrNone())
    .option('--version <version>', 'only this build')
    .option('--product <product>', 'only builds of this product')
    .addOption(bulkWhere())
    .addOption(bulkLimit())
    .option('--yes', 'do not ask')
    .action(async (typed, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { version, product } = options;
        const ref = oneOrWhere(typed, options);
        if (ref === undefined) {
          if (product !== undefined)
            throw CommandError.usage('--product is for one device', `say it in the query: product = ${product}`);
          const words = { ask: 'forget failed builds of', done: 'failed builds forgotten of' };
          return changeMeant(session, shell, options, { verb: 'clear_known_bad', version }, words);
        }
        const query = { version, product };
        const answer = await session.client.call('clearKnownBad', { params: { device: ref }, query });
        return session.show(answer, () => formatCleared(ref, answer.builds));
      });
    });
}

function addDeviceRemoval(device: CommandGroup, shell: Shell): void {
  addBulkCommand(device, shell, {
    name: 'remove',
    description: 'forget a device with everything that is known of it; with its next check it is a new one',
    verb: 'remove',
    words: { ask: 'forget', done: 'removed' },
    changeOne: async ({ client, show }, ref, options) => {
      const removed = await callConfirmed(shell, options, async (confirmed) =>
        client.call('removeDevice', { params: { device: ref }, query: { confirm: confirmed } }),
      );
      show(removed, () => `device ${deviceText(removed)} is removed, with ${removed.assignments} assignments`);
    },
  });
}

function countedText(device: Device): string {
  const { counted, not_counted } = device;
  const mac = deviceText(device);
  if (counted === 'yes') return `${mac} counts in gates`;
  if (counted === 'no') return `${mac} does not count in gates: a test board`;
  return `${mac} counts in gates as the rules say${not_counted === null ? '' : ` (now: no, ${not_counted})`}`;
}

function statusText({ status, hold, counted, cancelled }: Device): string {
  const marks = { test: counted === 'no', held: hold !== null, cancelled: cancelled !== null };
  return [status, ...Object.entries(marks).flatMap(([mark, isSo]) => (isSo ? [mark] : []))].join(', ');
}
