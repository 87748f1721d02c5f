// `otter rollout undo`: back to what was before a rollout, for all its devices, whatever became of it.

import { Option } from '@commander-js/extra-typings';
import type { CommandGroup } from '#cli/program.ts';
import { showChanged } from '#cli/rollout-changed.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { confirmWayBack, formatWayBack } from '#cli/views/way-back.ts';

export function addUndoCommand(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('undo <name>')
    .description('take a rollout back, also a complete one: devices that run its build go to what is stable without it')
    .option('--reason <text>', 'why, for the audit')
    .option('--dry-run', 'say only how many devices would go back, and who would stay and why')
    .addOption(new Option('--yes', 'do not ask').conflicts('dryRun'))
    .action(async (name, options, command) => {
      const question = `take rollout ${name} back and send its devices back`;
      if (options.dryRun !== true && !shell.terminal.canAsk) await confirm(shell, options, question);
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const preview = async () => session.client.call('previewRevert', { params: { name } });
        if (options.dryRun === true) {
          const found = await preview();
          session.show(found, () => formatWayBack(found));
          return;
        }
        await confirmWayBack(shell, options, question, preview);
        const body = { reason: options.reason };
        await showChanged(session, session.client.call('undoRollout', { params: { name }, body }));
      });
    });
}
