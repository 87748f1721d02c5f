// `otter firmware ...`: the builds that the server holds.

import { Option } from '@commander-js/extra-typings';
import { addFirmwareUpload } from './add.ts';
import { addFirmwareCheck } from './check.ts';
import { addFirmwareSign } from './sign.ts';
import { formatFirmware, nextCommand, stateOf } from '#cli/views/firmware.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type CommandGroup, type OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { callConfirmed } from '#cli/confirmed-call.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { notedText } from '#cli/views/note.ts';
import { confirmWayBack, formatWayBack } from '#cli/views/way-back.ts';
import { OTTER } from '#cli/program-place.ts';

export function addFirmwareCommands(program: OtterProgram, shell: Shell): void {
  const firmware = addGroup(program, 'firmware', 'firmware: the builds that the server holds');
  addFirmwareUpload(firmware, shell);
  addFirmwareCheck(firmware, shell);
  addFirmwareSign(firmware, shell);

  addListCommand(firmware, {
    name: 'list',
    description: 'firmware and how many devices run it, the latest first',
    sortFields: 'created_at',
  })
    .option('--product <product>', 'only firmware of this product')
    .option('--channel <channel>', 'only firmware of this channel')
    .action(async (options, command) => {
      const { product, channel } = options;
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        await showList(
          session,
          { ...options, sort: options.sort ?? '-created_at' },
          async (query) => session.client.call('listFirmware', { query: { ...query, product, channel } }),
          {
            head: ['version', 'product', 'state', 'channel', 'chips', 'devices', 'created'],
            row: (one) => [
              one.version,
              one.product,
              stateOf(one, session.terminal.colors),
              one.channel,
              [...new Set(one.images.map((image) => image.chip))].join(' '),
              String(one.devices),
              relativeTime(one.created_at, Date.now()),
            ],
            empty: `no such firmware; upload one: ${OTTER} firmware add FILE`,
          },
        );
      });
    });

  firmware
    .command('show <version>')
    .description('one firmware with its images')
    .option('--product <product>', 'needed where several products have this version')
    .action(async (version, { product }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const found = await client.call('getFirmware', { params: { version }, query: { product } });
        show(found, () => formatFirmware(found, Date.now(), terminal.colors));
      });
    });

  addFirmwareChanges(firmware, shell);
  addFirmwareNote(firmware, shell);
  addFirmwareRemoval(firmware, shell);
}

/** The commands that decide whether a build may go out. */
function addFirmwareChanges(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('ready <version>')
    .description('say that a firmware may go to the pilot')
    .option('--not', 'take that back')
    .option('--product <product>', 'needed where several products have this version')
    .action(async (version, { not, product }, command) => {
      const body = { ready: not !== true };
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('setPilotReady', { params: { version }, query: { product }, body });
        show(changed, () =>
          changed.pilot_ready
            ? `${changed.product} ${changed.version} is ready for the pilot\nnext: ${nextCommand(changed)}`
            : `${changed.product} ${changed.version} is not ready for the pilot`,
        );
      });
    });

  firmware
    .command('require <version>')
    .alias('must-pass')
    .description('make a firmware a required version: devices that are older do not skip it')
    .option('--not', 'take that back')
    .option('--product <product>', 'needed where several products have this version')
    .action(async (version, { not, product }, command) => {
      const body = { required: not !== true };
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('setRequired', { params: { version }, query: { product }, body });
        show(changed, () =>
          changed.required
            ? `devices below ${changed.version} are offered ${changed.product} ${changed.version} before anything newer`
            : `devices may skip ${changed.product} ${changed.version}`,
        );
      });
    });

  firmware
    .command('block <version>')
    .description('never offer a firmware again; devices that run it go back to the prior stable one')
    .option('--reason <text>', 'why, for the audit')
    .option('--product <product>', 'needed where several products have this version')
    .option('--dry-run', 'say only how many devices would go back, and who would stay and why')
    .addOption(new Option('--yes', 'do not ask').conflicts('dryRun'))
    .action(async (version, options, command) => {
      const { reason, product, dryRun } = options;
      const question = `block ${version}, abort its rollouts and send its devices back`;
      if (dryRun !== true && !shell.terminal.canAsk) await confirm(shell, options, question);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const preview = async () => client.call('previewBlock', { params: { version }, query: { product } });
        if (dryRun === true) {
          const found = await preview();
          show(found, () => formatWayBack(found));
          return;
        }
        await confirmWayBack(shell, options, question, preview);
        const answer = await client.call('blockFirmware', {
          params: { version },
          query: { product },
          body: { reason },
        });
        show(answer, () =>
          [
            `${answer.firmware.product} ${answer.firmware.version} is blocked`,
            answer.aborted_rollouts.length === 0 ? '' : `aborted: ${answer.aborted_rollouts.join(', ')}`,
            formatWayBack(answer),
          ]
            .filter((line) => line !== '')
            .join('\n'),
        );
      });
    });

  firmware
    .command('unblock <version>')
    .description('allow a blocked firmware again')
    .option('--product <product>', 'needed where several products have this version')
    .action(async (version, { product }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('unblockFirmware', { params: { version }, query: { product } });
        show(changed, () => `${changed.product} ${changed.version} is allowed again; its rollouts stay aborted`);
      });
    });
}

function addFirmwareNote(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('note <version> <text>')
    .description('write a note on a firmware, for people; an empty one removes it')
    .option('--product <product>', 'needed where several products have this version')
    .action(async (version, note, { product }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const noted = await client.call('noteFirmware', { params: { version }, query: { product }, body: { note } });
        show(noted, () => notedText(`${noted.product} ${noted.version}`, noted.note));
      });
    });
}

function addFirmwareRemoval(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('remove <version>')
    .description('remove a firmware that nothing needs, with its images and its rollouts')
    .option('--product <product>', 'needed where several products have this version')
    .option('--yes', 'do not ask')
    .action(async (version, { product, ...options }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const removed = await callConfirmed(shell, options, async (confirmed) =>
          client.call('removeFirmware', { params: { version }, query: { product, confirm: confirmed } }),
        );
        const { images, rollouts, assignments } = removed;
        show(removed, () =>
          [
            `${removed.product} ${removed.version} is removed, with ${images.length} images and ${assignments} assignments`,
            rollouts.length === 0 ? '' : `its rollouts went with it: ${rollouts.join(', ')}`,
          ]
            .filter((line) => line !== '')
            .join('\n'),
        );
      });
    });
}
