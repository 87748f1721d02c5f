// Runs the real `otter` command on a terminal and answers its question, with `script` of util-linux, which not every machine
// has: tests that need it are skipped there.

import { execFileSync, spawn } from 'node:child_process';
import { OTTER } from './otter-command.ts';

/** `script` of util-linux gives a program a terminal. */
export function hasScript(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
}

/** What is typed, once the terminal shows the question. */
type Answer = readonly [question: string, typed: string];

/** Everything that the terminal shows until the command ends; `input` is typed when it asks, or each answer to its question. */
export async function typeOnTerminal(
  home: string,
  input: string | readonly Answer[],
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const command = [...OTTER, ...args].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  // A terminal of `script` alone has no size.
  const child = spawn('script', ['-qec', `stty rows 24 columns 80; ${command}`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TERM: 'dumb', ...more },
    cwd: home,
  });
  let shown = '';
  const answers: Answer[] = typeof input === 'string' ? [['[y/N]', input]] : [...input];
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('utf8');
    const [next] = answers;
    if (next === undefined || !shown.includes(next[0])) return;
    answers.shift();
    child.stdin.write(next[1]);
  });
  await new Promise((resolve) => {
    child.once('close', resolve);
  });
  return shown;
}
