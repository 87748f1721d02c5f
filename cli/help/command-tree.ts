// The tree of commands as plain values, for whoever describes it: completion, man page, examples. It runs nothing.

import type { CommandUnknownOpts } from '@commander-js/extra-typings';

export interface DescribedCommand {
  /** `rollout show`; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly arguments: readonly DescribedArgument[];
  readonly options: readonly DescribedOption[];
  /** Names of the commands below it. */
  readonly below: readonly string[];
  readonly examples: readonly Example[];
}

interface DescribedArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly choices: readonly string[];
}

export interface DescribedOption {
  /** `--limit <count>`. */
  readonly flags: string;
  readonly long: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** A command as it is typed, and what it is good for. */
export type Example = readonly [command: string, purpose: string];

/** The program itself first, then every command, each before those below it. */
export function describeTree(
  program: CommandUnknownOpts,
  examples: Readonly<Record<string, readonly Example[]>>,
): readonly DescribedCommand[] {
  const describe = (command: CommandUnknownOpts, path: string): readonly DescribedCommand[] => [
    {
      path,
      description: command.description(),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        description: argument.description,
        required: argument.required,
        choices: argument.argChoices ?? [],
      })),
      options: command.options.map(({ flags, long, description, required, optional, argChoices }) => ({
        flags,
        long: long ?? flags,
        description,
        takesValue: required || optional,
        choices: argChoices ?? [],
      })),
      below: command.commands.map((below) => below.name()),
      examples: examples[path] ?? [],
    },
    ...command.commands.flatMap((below) => describe(below, `${path} ${below.name()}`.trim())),
  ];
  return describe(program, '');
}

export function findCommand(program: CommandUnknownOpts, path: string): CommandUnknownOpts | undefined {
  const words = path.split(' ').filter((word) => word !== '');
  return words.reduce<CommandUnknownOpts | undefined>(
    (command, word) => command?.commands.find((below) => below.name() === word),
    program,
  );
}
