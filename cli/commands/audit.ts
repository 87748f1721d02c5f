// `otter audit`: what was done, by whom, the latest first.

import { addListCommand, showList } from '#cli/paging.ts';
import type { OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';

export function addAuditCommand(program: OtterProgram, shell: Shell): void {
  addListCommand(program, { name: 'audit', description: 'what was done, by whom', sortFields: 'id' })
    .option('--action <action>', 'only this action, for example rollout.start')
    .option('--subject <subject>', 'only what was done to this')
    .action(async (options, command) => {
      const { action, subject } = options;
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        await showList(
          session,
          { ...options, sort: options.sort ?? '-id' },
          async (query) => session.client.call('listAudit', { query: { ...query, action, subject } }),
          {
            head: ['when', 'who', 'action', 'subject', 'details'],
            row: (one) => [
              relativeTime(one.at, Date.now()),
              one.actor,
              one.action,
              one.subject,
              Object.keys(one.details).length === 0 ? '' : JSON.stringify(one.details),
            ],
            empty: 'nothing was done yet',
          },
        );
      });
    });
}
