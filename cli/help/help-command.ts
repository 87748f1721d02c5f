// `otter help [TOPIC]`, and `otter completion SHELL`. They ask no server.

import { Argument } from '@commander-js/extra-typings';
import { CommandError } from '#cli/exit-code.ts';
import type { OtterProgram } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { describeTree, findCommand } from './command-tree.ts';
import { completionFor, SHELLS } from './completion.ts';
import { EXAMPLES } from './examples.ts';
import { TOPICS } from './topics.ts';

export function addHelpCommands(program: OtterProgram, shell: Shell): void {
  program.helpCommand(false);
  program
    .command('help')
    .description(`what a command does, or a topic: ${Object.keys(TOPICS).join(', ')}`)
    .argument('[topic...]', 'words of a command, or one topic')
    .action(async (words, _options, command) => {
      const { showLong } = output(shell, command.optsWithGlobals());
      const topic = words.join(' ');
      const text = textOf(program, topic);
      await showLong({ topic, text }, () => text);
    });

  program
    .command('completion')
    .description('a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action((name, _options, command) => {
      const script = completionFor(name, describeTree(program, EXAMPLES));
      const { json } = output(shell, command.optsWithGlobals());
      shell.terminal.print(json ? JSON.stringify({ shell: name, script }, undefined, 2) : script.trimEnd());
    });
}

function textOf(program: OtterProgram, topic: string): string {
  const found = TOPICS[topic];
  if (found !== undefined) return `${topic}: ${found.title}\n\n${found.text}`;
  const command = findCommand(program, topic);
  if (command === undefined)
    throw CommandError.usage(
      `there is no command or topic ${JSON.stringify(topic)}`,
      `topics: ${Object.keys(TOPICS).join(', ')}; \`otter --help\` lists the commands`,
    );
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  const topics = Object.entries(TOPICS).map(([name, { title }]) => `  ${name.padEnd(13)}${title}`);
  return topic === '' ? `${text.trimEnd()}\n\nTopics, with otter help TOPIC:\n${topics.join('\n')}` : text.trimEnd();
}
