// `otter audit`: what was done, by whom, the latest first; and whether all of it is still there.

import { addListCommand, showList } from '#cli/paging.ts';
import type { OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import { EXIT } from '#cli/exit-code.ts';
import type { AuditVerification } from '#protocol/admin/audit.ts';
import type { Shell } from '#cli/shell.ts';

export function addAuditCommand(program: OtterProgram, shell: Shell): void {
  const audit = addListCommand(program, { name: 'audit', description: 'what was done, by whom', sortFields: 'id' })
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

  audit
    .command('verify')
    .description('find entries that were removed, changed or moved; ends with 6 where there are any')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const found = await client.call('verifyAudit', {});
        show(found, () => formatVerification(found));
        if (!found.intact) shell.finish(EXIT.conflict);
      });
    });
}

function formatVerification({ entries, last_number, last_hash, checkpoint, ...found }: AuditVerification): string {
  const since =
    checkpoint.at === null
      ? ''
      : `; ${checkpoint.entries} before them were removed because they were old, the last with hash ${checkpoint.hash}`;
  const lines = [
    found.intact
      ? `the audit is intact: ${entries} entries${since}`
      : `the audit is not intact, ${found.fault_count} ${found.fault_count === 1 ? 'fault' : 'faults'} in ${entries} entries${since}`,
    ...found.faults.map(({ text }) => `  ${text}`),
    found.fault_count > found.faults.length ? `  and ${found.fault_count - found.faults.length} more` : '',
    `last entry: ${last_number}, hash ${last_hash}`,
  ];
  return lines.filter((line) => line !== '').join('\n');
}
