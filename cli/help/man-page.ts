// The man page otter(1), as roff with the macros of man(7), from the tree of commands and the topics.

import type { DescribedCommand } from './command-tree.ts';
import { TOPICS } from './topics.ts';

/** `commands` begins with the program itself. The page names no date: it is made anew with every change. */
export function manPage(commands: readonly DescribedCommand[], version: string): string {
  const [program, ...rest] = commands;
  const options = (program?.options ?? []).map(({ flags, description }) => entry(flags, description));
  const described = rest
    .filter(({ below, arguments: taken, examples }) => below.length === 0 || taken.length > 0 || examples.length > 0)
    .map(commandSection);
  const topics = Object.values(TOPICS).map(({ title, text }) => `.SS ${roff(title)}\n.nf\n${roff(text)}\n.fi`);
  return [
    `.TH OTTER 1 "" "otter ${version}" "Otter"`,
    '.SH NAME',
    'otter \\- over-the-air firmware updates for ESP32 fleets',
    '.SH SYNOPSIS',
    '.B otter',
    '.I COMMAND',
    '[options]',
    '.SH DESCRIPTION',
    'Runs the update server of a fleet of ESP32 boards, and speaks to it: firmware goes to the boards in stages, and of every board it is known whether the update worked.',
    '.SH OPTIONS OF EVERY COMMAND',
    ...options,
    '.SH COMMANDS',
    ...described,
    '.SH TOPICS',
    ...topics,
    '',
  ].join('\n');
}

function commandSection({ path, description, arguments: taken, options, examples }: DescribedCommand): string {
  const words = taken.map(({ name, required }) => (required ? name.toUpperCase() : `[${name.toUpperCase()}]`));
  return [
    `.SS ${roff(['otter', path, ...words].join(' '))}`,
    roff(description),
    ...taken.filter((one) => one.description !== '').map((one) => entry(one.name.toUpperCase(), one.description)),
    ...options.map(({ flags, description: text }) => entry(flags, text)),
    ...(examples.length === 0 ? [] : ['.PP', 'Examples:']),
    ...examples.map(([command, purpose]) => entry(command, purpose)),
  ].join('\n');
}

function entry(term: string, text: string): string {
  return `.TP\n.B ${roff(term)}\n${roff(text)}`;
}

/** A dash is a minus, a backslash is one, and a line that begins with a dot or quote is text. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&');
}
