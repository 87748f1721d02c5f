// `otter db copy`: the database of this machine in a PostgreSQL.

import path from 'node:path';
import { CommandError } from '#cli/exit-code.ts';
import { findHome } from '#cli/connection/connection.ts';
import { readPrivateFile } from '#cli/connection/private-file.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import { addGroup, type GlobalOptions, type OtterProgram } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { withProgress } from './work.ts';

export function addDatabaseCommands(program: OtterProgram, shell: Shell): void {
  addGroup(program, 'db', 'the database of the server of this machine')
    .command('copy')
    .description('copy it from SQLite into an empty PostgreSQL, all of it or nothing; the server is stopped meanwhile')
    .option('--to <url>', 'its address, as server.yml has it; other users of this machine may see what is typed')
    .option('--to-file <file>', 'file whose first line is that address')
    .action(async ({ to, toFile }, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const url = to ?? (toFile === undefined ? undefined : await readPrivateFile(path.resolve(shell.folder, toFile)));
      if (url === undefined) throw CommandError.usage('it says nowhere where to', 'give --to or --to-file');
      const home = await findHome(options, shell);
      const { finishRestore } = await import('#server/backup/switch.ts');
      await finishRestore(home);
      await getLocalServer(home, shell.env);
      const { loadConfig } = await import('#server/config/config.ts');
      const { copyDatabase } = await import('#server/backup/copy-database.ts');
      const { config } = loadConfig({ home, env: shell.env });
      const copied = await withProgress(shell, 'stopped; nothing was copied', async (work) =>
        copyDatabase({ config, url, ...work }),
      );
      output(shell, options).show(copied, () =>
        [
          `${copied.rows} rows of ${copied.tables.length} tables are in ${copied.to}, each table compared by its digest`,
          `next: "database: ${copied.to}" (with the password) in ${home}/config/server.yml, then start the server`,
          `${copied.from} stays as it is: move it away once the server runs, so that nobody starts with it by mistake`,
        ].join('\n'),
      );
    });
}
