// `otter rollout retry`: another chance for devices that failed by network or device.

import type { CommandGroup } from '#cli/program.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';

export function addRetryCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('retry <name>')
    .description('forgive failures of network and device: those devices are offered the build again')
    .option('--reason <text>', 'why, for the audit')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(shell, options, `forgive the failures of network and device in rollout ${name}`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const answer = await client.call('retryRollout', { params: { name }, body: { reason: options.reason } });
        const some = answer.examples.join(', ') + (answer.devices > answer.examples.length ? ', ...' : '');
        show(answer, () =>
          answer.devices === 0
            ? `nothing to forgive: a device that failed once by network or device is offered ${name} again by itself`
            : `${answer.devices === 1 ? '1 device is' : `${answer.devices} devices are`} offered ${name} again after one back-off: ${some}`,
        );
      });
    });
}
