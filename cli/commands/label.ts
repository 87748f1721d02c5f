// `otter label ...`: the labels that decide who is a target.

import { callConfirmed } from '#cli/confirmed-call.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { OTTER } from '#cli/program-place.ts';

export function addLabelCommands(program: OtterProgram, shell: Shell): void {
  const label = addGroup(program, 'label', 'labels, which decide what a rollout targets');

  addListCommand(label, {
    name: 'list',
    description: 'labels and how many devices have them',
    sortFields: 'name',
  }).action(async (options, command) => {
    await withSession(shell, command.optsWithGlobals(), async (session) => {
      await showList(session, options, async (query) => session.client.call('listLabels', { query }), {
        head: ['label', 'devices', 'description', 'time zone', 'created'],
        row: ({ name, devices, description, timezone, created_at }) => [
          name,
          String(devices),
          description,
          timezone ?? '',
          relativeTime(created_at, Date.now()),
        ],
        empty: `no labels yet; create one: ${OTTER} label create NAME`,
      });
    });
  });

  label
    .command('create <name>')
    .description('create a label')
    .option('--description <text>', 'what it is for')
    .option('--timezone <zone>', 'where its devices are, for windows of their own day, for example Europe/Berlin')
    .action(async (name, { description, timezone }, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const created = await client.call('createLabel', { body: { name, description, timezone } });
        show(created, () => `label ${created.name} created\nnext: ${OTTER} device label MAC ${created.name}`);
      });
    });

  label
    .command('set <name>')
    .description('change what a label says of itself and of its devices')
    .option('--description <text>', 'what it is for')
    .option('--timezone <zone>', 'where its devices are; an empty one takes that away')
    .action(async (name, { description, timezone }, command) => {
      const body = { description, timezone: timezone === '' ? null : timezone };
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const changed = await client.call('updateLabel', { params: { name }, body });
        show(changed, () =>
          changed.timezone === null
            ? `label ${changed.name} has no time zone`
            : `devices with label ${changed.name} are in ${changed.timezone}`,
        );
      });
    });

  label
    .command('delete <name>')
    .description('delete a label and take it off every device')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(shell, options, `delete label ${name} and take it off every device`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const answer = await callConfirmed(shell, options, async (confirmed) =>
          client.call('deleteLabel', { params: { name }, query: { confirm: confirmed } }),
        );
        show(answer, () => `label ${name} deleted and removed from ${answer.devices} devices`);
      });
    });
}
