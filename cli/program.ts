// The root of the command tree: the name, the options that every command takes, and how commander behaves. The commands
// hang themselves onto it (`commands/`), `main.ts` runs it.

import { Command, Option } from '@commander-js/extra-typings';
import { readPin, readServerUrl } from './arguments.ts';

export type OtterProgram = ReturnType<typeof createProgram>;
export type CommandGroup = ReturnType<typeof addGroup>;
export type GlobalOptions = ReturnType<OtterProgram['opts']>;

/** A command tree without commands. Commander throws instead of ending the process, and prints no errors by itself. */
export function createProgram(output: {
  readonly write: (text: string) => void;
  readonly warn: (text: string) => void;
  /** Of the terminal; what goes to a file has the usual 80. */
  readonly columns: number;
}) {
  return (
    new Command('otter')
      .description('Over-the-air firmware updates for ESP32 fleets.')
      .usage('COMMAND [options]')
      .addHelpText(
        'after',
        '\nCommands speak to the server that you logged in to, else to that of this machine;\nsee `otter help connection`. `otter --version` says the version.',
      )
      // Before the first `.command()`: each command inherits these.
      .configureHelp({ showGlobalOptions: true, sortSubcommands: false, minWidthToWrap: 20 })
      .configureOutput({
        writeOut: output.write,
        writeErr: output.warn,
        outputError: () => {},
        getOutHelpWidth: () => output.columns,
        getErrHelpWidth: () => output.columns,
      })
      .exitOverride()
      .showSuggestionAfterError(true)
      .option('--json', 'print one JSON document')
      .option('--no-pager', 'print long lists as they are (a terminal gets $PAGER or less)')
      // The environment is read in `connection.ts`: what is typed must win over it, also across options.
      .addOption(new Option('--server <url>', 'address of the server (or OTTER_SERVER)').argParser(readServerUrl))
      .addOption(new Option('--token <token>', 'admin token, visible in the process list (or OTTER_TOKEN)'))
      .addOption(new Option('--token-file <file>', 'file that holds the admin token').conflicts('token'))
      .addOption(new Option('--pin <pin>', 'pin of the server, spki:HEX (or OTTER_PIN)').argParser(readPin))
      .addOption(
        new Option(
          '--home <folder>',
          'folder with config/ and data/ of a server on this machine (or OTTER_HOME)',
        ).conflicts('server'),
      )
  );
}

/** A command that only holds others: `otter device ...`. */
export function addGroup(
  program: OtterProgram,
  name:
    | 'budget'
    | 'cert'
    | 'context'
    | 'db'
    | 'device'
    | 'firmware'
    | 'key'
    | 'label'
    | 'notify'
    | 'plan'
    | 'product'
    | 'query'
    | 'rollout'
    | 'schedule'
    | 'session'
    | 'token',
  description: string,
) {
  return program.command(name).description(description);
}
