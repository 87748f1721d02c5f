// `otter label ...`: the labels that decide who is a target.

import { callConfirmed } from '#cli/confirmed-call.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { OTTER } from '#cli/program-place.ts';
import { deviceText } from '#cli/views/note.ts';
import { pointing, whereOption } from '#cli/where.ts';

export function addLabelCommands(program: OtterProgram, shell: Shell): void {
  const label = addGroup(program, 'label', 'labels, which decide what a rollout targets');

  addListCommand(label, {
    name: 'list',
    description: 'labels and how many devices have them',
    sortFields: 'name',
  }).action(async (options, command) => {
    await withSession(shell, command.optsWithGlobals(), async (session) => {
      await showList(session, options, async (query) => session.client.call('listLabels', { query }), {
        head: ['label', 'devices', 'query', 'description', 'time zone', 'created'],
        row: ({ name, devices, where, description, timezone, created_at }) => [
          name,
          String(devices),
          where ?? '',
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
    .description('create a label; with --where a dynamic one, which is on the devices that its query means')
    .option('--description <text>', 'what it is for')
    .option('--timezone <zone>', 'where its devices are, for windows of their own day, for example Europe/Berlin')
    .addOption(whereOption('the devices that have it, now and later'))
    .option('--yes', 'with --where: do not ask')
    .action(async (name, options, command) => {
      const { description, timezone, where } = options;
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, show } = session;
        if (where !== undefined) await preview(session, shell, options, `create label ${name}`);
        const created = await client.call('createLabel', { body: { name, description, timezone, where } });
        show(created, () =>
          where === undefined
            ? `label ${created.name} created\nnext: ${OTTER} device label MAC ${created.name}`
            : `label ${created.name} created, on ${created.devices} devices`,
        );
      });
    });

  label
    .command('set <name>')
    .description('change what a label says of itself and of its devices')
    .option('--description <text>', 'what it is for')
    .option('--timezone <zone>', 'where its devices are; an empty one takes that away')
    .addOption(whereOption('of a dynamic label: another query'))
    .option('--yes', 'with --where: do not ask')
    .action(async (name, options, command) => {
      const { description, timezone, where } = options;
      const body = { description, timezone: timezone === '' ? null : timezone, where };
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, show } = session;
        if (where !== undefined) await preview(session, shell, options, `change the query of label ${name}`);
        const changed = await client.call('updateLabel', { params: { name }, body });
        if (where !== undefined)
          return show(changed, () => `label ${changed.name} is on ${changed.devices} devices now`);
        return show(changed, () =>
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

/** How many devices the query means now, and some of them, before it is stored. */
async function preview(
  { client, terminal }: Session,
  shell: Shell,
  options: { readonly where?: string | undefined; readonly yes?: true | undefined },
  what: string,
): Promise<void> {
  const { where } = options;
  const { items, total } = await pointing(where, async () =>
    client.call('listDevices', { query: { where, limit: String(SHOWN), total: 'true' } }),
  );
  const names = items.map(deviceText).join(', ');
  const more = (total ?? 0) > items.length ? ' and others' : '';
  terminal.note(`the query means ${total} devices now${names === '' ? '' : `: ${names}${more}`}`);
  await confirm(shell, options, what);
}

/** Devices that a preview names. */
const SHOWN = 10;
