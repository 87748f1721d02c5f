// `otter device cancel`, `send-back`, `offer-now` and `retry`: what an operator asks of one device.

import { callConfirmed } from '#cli/confirmed-call.ts';
import type { CommandGroup } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatCleared } from '#cli/views/device.ts';
import { addBulkCommand } from './bulk.ts';
import { deviceArgument } from './device-argument.ts';

const REASON = 'why, shown with the device';

export function addOrderCommands(device: CommandGroup, shell: Shell): void {
  device
    .command('cancel')
    .description('cancel the update of a device: it is not offered that build again; other builds reach it as before')
    .addArgument(deviceArgument())
    .requiredOption('--reason <text>', REASON)
    .option('--version <version>', 'this build (if not said, what it was offered or would be offered next)')
    .action(async (ref, { reason, version }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('cancelUpdate', { params: { device: ref }, body: { reason, version } });
        const { mac } = changed;
        show(changed, () =>
          [
            `${mac} is not offered ${changed.cancelled?.version ?? 'it'} any more`,
            'one that fetches the image already may still install it',
            `take it back: ${OTTER} device retry ${mac}`,
          ].join('\n'),
        );
      });
    });

  device
    .command('send-back')
    .description('send a device back from the build that it runs: to what it ran before, or the stable build before')
    .addArgument(deviceArgument())
    .requiredOption('--reason <text>', REASON)
    .option('--yes', 'do not ask')
    .action(async (ref, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await callConfirmed(shell, options, async (confirmed) =>
          client.call('sendBack', {
            params: { device: ref },
            query: { confirm: confirmed },
            body: { reason: options.reason },
          }),
        );
        const { mac, cancelled } = changed;
        show(changed, () =>
          [
            `${mac} leaves ${cancelled?.version ?? 'its build'} with its next check, and is not offered it again`,
            `let it have that build again: ${OTTER} device retry ${mac}`,
          ].join('\n'),
        );
      });
    });

  device
    .command('offer-now')
    .description('offer a device what there is for it, past windows, pace and rest; never past a gate, block or hold')
    .addArgument(deviceArgument())
    .action(async (ref, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('offerNow', { params: { device: ref } });
        show(changed, () => `${changed.mac} is offered what there is for it with its next check`);
      });
    });

  addRetryOfDevices(device, shell);
}

function addRetryOfDevices(device: CommandGroup, shell: Shell): void {
  addBulkCommand(device, shell, {
    name: 'retry',
    description: 'let a device try again: what was cancelled on it is offered again, what failed on it is forgiven',
    verb: 'retry',
    words: { ask: 'let them try again, which changes', done: 'what failed or was cancelled is offered again to' },
    changeOne: async ({ client, show }, ref) => {
      const retried = await client.call('retryDevice', { params: { device: ref } });
      const { cancelled, builds, device: changed } = retried;
      show(retried, () =>
        [
          ...(cancelled === null ? [] : [`${changed.mac} may have ${cancelled} again`]),
          ...(builds.length === 0 ? [] : [formatCleared(changed.mac, builds)]),
        ].join('\n'),
      );
    },
  });
}
