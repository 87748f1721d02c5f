// `otter start`, `serve` and `init`: hand over to the server's own entry. The server's code is loaded only here, so that the
// other commands start without it.

import { Option } from '@commander-js/extra-typings';
import { readPort } from '#cli/arguments.ts';
import { findHome, typedFor } from '#cli/connection/connection.ts';
import type { GlobalOptions, OtterProgram } from '#cli/program.ts';
import { confirm, output } from '#cli/session.ts';
import { formatBytes } from '#cli/views/firmware.ts';
import type { Shell } from '#cli/shell.ts';

export function addServeCommands(program: OtterProgram, shell: Shell): void {
  addServing(program, 'start')
    .description('set up what is missing, then run the server; `npm start` of a clone is this')
    .action(async (options, command) => {
      const globals: GlobalOptions = command.optsWithGlobals();
      const home = await findHome(globals, shell);
      const { finishRestore } = await import('#server/backup/switch.ts');
      await finishRestore(home);
      const { initHome } = await import('#server/home/init.ts');
      await initHome(home, { nowMs: Date.now() });
      await runServer(shell, home, { ...options, json: globals.json });
    });

  addServing(program, 'serve')
    .description('run the server that is set up in the home folder')
    .action(async (options, command) => {
      const globals: GlobalOptions = command.optsWithGlobals();
      await runServer(shell, await findHome(globals, shell), { ...options, json: globals.json });
    });

  program
    .command('init')
    .description('set up a home folder: configuration, certificate, tokens; never changes what is there')
    .action(async (_options, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const { finishRestore } = await import('#server/backup/switch.ts');
      await finishRestore(home);
      const { initHome } = await import('#server/home/init.ts');
      const created = await initHome(home, { nowMs: Date.now() });
      output(shell, options).show({ home, created }, () =>
        created.length === 0
          ? `everything is there in ${home}`
          : `made in ${home}:\n${created.map((file) => `  ${file}`).join('\n')}`,
      );
    });

  addReset(program, shell);
}

/** Begins anew with the same key and tokens. */
function addReset(program: OtterProgram, shell: Shell): void {
  program
    .command('reset')
    .description('begin anew: put database and images of this machine aside; key, tokens and configuration stay')
    .option('--yes', 'do not ask')
    .action(async ({ yes }, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const { finishRestore } = await import('#server/backup/switch.ts');
      await finishRestore(home);
      const { loadConfig } = await import('#server/config/config.ts');
      const { planReset, putAside } = await import('#server/home/reset.ts');
      const { config } = loadConfig({ home, env: shell.env });
      const items = planReset(config, Date.now());
      const { show } = output(shell, options);
      if (items.length === 0) {
        show({ moved: [] }, () => `nothing is there yet in ${home}`);
        return;
      }
      const what = items.map(({ path, sizeBytes }) => `${path} (${formatBytes(sizeBytes)})`).join(', ');
      await confirm(shell, { yes }, `put ${what} aside, and forget every board and firmware`);
      putAside(config, items);
      show({ moved: items.map(({ path, aside }) => ({ from: path, to: aside })) }, () =>
        [
          ...items.map(({ path, aside }) => `${path} is now ${aside}`),
          'boards know this server by the same pin and token as before; to take it back, stop it and rename what was put aside',
        ].join('\n'),
      );
    });
}

/** The options of a command that runs the server. `--json` and a file or pipe mean log lines for programs. */
function addServing(program: OtterProgram, name: 'start' | 'serve') {
  return program
    .command(name)
    .addOption(new Option('--port <port>', 'listen on this port; 0 for any free one').argParser(readPort))
    .option('--pretty', 'log for people (what a terminal gets if not said)')
    .option('--no-pretty', 'log JSON lines')
    .option(
      '--take-over-files',
      'let schedules.yaml and plans.yaml of this home replace those of the other servers of its database',
    );
}

async function runServer(
  shell: Shell,
  home: string,
  options: {
    readonly port?: number | undefined;
    readonly pretty?: boolean | undefined;
    readonly json?: true | undefined;
    readonly takeOverFiles?: true | undefined;
  },
): Promise<void> {
  const { serve } = await import('#server/serve.ts');
  const pretty = options.pretty ?? (options.json !== true && shell.terminal.isLive);
  const port = options.port === undefined ? {} : { port: options.port };
  const takesOverFiles = options.takeOverFiles ?? false;
  const typed = typedFor(home, shell);
  shell.finish(
    await serve({ home, pretty, env: shell.env, takesOverFiles, typed, throwsRefusal: options.json === true, ...port }),
  );
}
