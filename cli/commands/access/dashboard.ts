// `otter dashboard` and `otter session ...`: a link that logs a browser in, and the sessions of browsers.

import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable, printable } from '#cli/terminal.ts';

export function addDashboardCommands(program: OtterProgram, shell: Shell): void {
  program
    .command('dashboard')
    .description('a link that opens the dashboard in a browser, logged in; it works once')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const link = await client.call('createLoginLink', {});
        const url = browserUrl(client.server, link.path);
        show({ url, ends_at: link.ends_at }, () => url);
        terminal.note('It works once, for ten minutes, and lets in whoever opens it: do not send it around.');
      });
    });

  const session = addGroup(program, 'session', 'sessions: browsers that are logged in');
  session
    .command('list')
    .description('browsers that are logged in, the one used last first')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const { items } = await client.call('getSessions', {});
        const head = ['session', 'opened by', 'address', 'opened', 'used', 'ends', 'browser'];
        const rows = items.map((one) => [
          one.id,
          one.opened_by,
          one.address,
          relativeTime(one.opened_at, Date.now()),
          relativeTime(one.used_at, Date.now()),
          relativeTime(one.ends_at, Date.now()),
          printable(one.browser),
        ]);
        show({ items }, () =>
          rows.length === 0 ? 'no browser is logged in' : formatTable(head, rows, terminal.colors),
        );
      });
    });
  session
    .command('revoke')
    .description('end a session: its browser has to log in again')
    .argument('[session]')
    .option('--all', 'every session')
    .action(async (id, { all }, command) => {
      if ((id === undefined) !== (all === true))
        throw CommandError.usage('name one session, or say --all', `see who is logged in: ${OTTER} session list`);
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        if (id === undefined) {
          const { items } = await client.call('getSessions', {});
          for (const one of items) await client.call('revokeSession', { params: { session: one.id } });
          show({ revoked: items.map((one) => one.id) }, () => `${items.length} sessions are over`);
          return;
        }
        const ended = await client.call('revokeSession', { params: { session: id } });
        show(ended, () => `session ${printable(ended.id)} is over`);
      });
    });
}

/** Browsers know this machine better by its name: its certificate says both. */
function browserUrl(server: URL, path: string): string {
  const url = new URL(path, server);
  if (url.hostname === '127.0.0.1' || url.hostname === '[::1]') url.hostname = 'localhost';
  return url.href;
}
