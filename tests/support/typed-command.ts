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

/** Everything that the terminal shows until the command ends; `input` is typed when it asks. */
export async function typeOnTerminal(home: string, input: string, args: readonly string[]): Promise<string> {
  const command = [...OTTER, ...args].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TERM: 'dumb' },
    cwd: home,
  });
  let shown = '';
  let answered = false;
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('utf8');
    if (answered || !shown.includes('[y/N]')) return;
    answered = true;
    child.stdin.write(input);
  });
  await new Promise((resolve) => {
    child.once('close', resolve);
  });
  return shown;
}
