// `otter query ...`: queries that operators keep by a name.

import { confirm, withSession } from '#cli/session.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { pointing } from '#cli/where.ts';

export function addQueryCommands(program: OtterProgram, shell: Shell): void {
  const query = addGroup(program, 'query', 'saved queries: @NAME stands for one after --where');

  query
    .command('save <name> <query>')
    .description('keep a query by a name; it takes the place of one of that name')
    .action(async (name, where, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const saved = await pointing(where, async () =>
          client.call('saveQuery', { params: { name }, body: { where } }),
        );
        show(
          saved,
          () => `query ${name} means ${saved.devices} devices now\nnext: ${OTTER} device list --where @${name}`,
        );
      });
    });

  query
    .command('list')
    .description('saved queries, and how many devices each means now')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getQueries', {});
        show({ items }, () =>
          items.length === 0
            ? `no saved queries; keep one: ${OTTER} query save NAME QUERY`
            : formatTable(
                ['query', 'devices', 'means', 'by', 'saved'],
                items.map(({ name, devices, where, saved_by, saved_at }) => [
                  `@${name}`,
                  String(devices),
                  printable(where),
                  saved_by,
                  relativeTime(saved_at, Date.now()),
                ]),
                terminal.colors,
              ),
        );
      });
    });

  query
    .command('remove <name>')
    .description('forget a saved query; no device changes')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) => {
      await confirm(shell, options, `forget query ${name}`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const answer = await client.call('removeQuery', { params: { name } });
        show(answer, () => `query ${name} is forgotten`);
      });
    });
}
