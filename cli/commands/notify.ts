// `otter notify ...`: who is told what needs a person, and whether that works.

import { addGroup, type OtterProgram } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { Recipient } from '#protocol/admin/fleet/recipients.ts';

export function addNotifyCommands(program: OtterProgram, shell: Shell): void {
  const notify = addGroup(program, 'notify', 'who is told what needs a person: chats and mail of config/server.yml');

  notify
    .command('list')
    .description('recipients, what each is told of, and whether that works')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getRecipients', {});
        show({ items }, () =>
          items.length === 0
            ? 'nobody is told anything: add a list `notify` to config/server.yml'
            : formatTable(
                ['name', 'shape', 'host', 'told of', 'works'],
                items.map((one) => [one.name, one.shape, one.host, one.types.join(' '), stateOf(one)]),
                terminal.colors,
              ),
        );
      });
    });

  notify
    .command('webhooks')
    .description('programs that are told of events: webhooks of config/server.yml, and whether that works')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getWebhooks', {});
        show({ items }, () =>
          items.length === 0
            ? 'no program is told of events: add a list `webhooks` to config/server.yml'
            : formatTable(
                ['name', 'host', 'told of', 'works'],
                items.map((one) => [one.name, one.host, one.types?.join(' ') ?? 'everything', stateOf(one)]),
                terminal.colors,
              ),
        );
      });
    });

  notify
    .command('test [name]')
    .description('send a message for a test, to one recipient or to all of them')
    .action(async (name, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const { items } = await client.call('testRecipients', { body: { name } });
        show({ items }, () =>
          items
            .map((one) => `${one.name} (${one.shape}): ${one.ok ? 'took the message' : printable(one.why ?? 'failed')}`)
            .join('\n'),
        );
        const failed = items.filter(({ ok }) => !ok).length;
        if (failed > 0)
          throw CommandError.own(
            'not_told',
            `${failed} of ${items.length} did not take the message`,
            `mend what it says in config/server.yml, restart the server, then: ${OTTER} notify test`,
          );
      });
    });
}

function stateOf({
  failures,
  failing_since,
  last_error,
}: Pick<Recipient, 'failures' | 'failing_since' | 'last_error'>): string {
  if (failures === 0) return 'yes';
  return printable(`no, since ${relativeTime(failing_since, Date.now())}: ${last_error ?? ''}`);
}
