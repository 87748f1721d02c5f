// Completion in the real shells, as far as they are on this machine.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOtter } from '../../support/otter-command.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'otter-completion-'));
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(join(folder, `otter.${shell}`), (await runOtter(folder, ['completion', shell])).stdout);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CASES: readonly (readonly [line: string, offered: readonly string[], not: readonly string[]])[] = [
  ['otter roll', ['rollout'], ['device']],
  ['otter rollout p', ['pause', 'preview', 'promote'], ['retry']],
  ['otter rollout list --status ', ['draft', 'halted'], ['silent']],
  ['otter device list --status ', ['silent', 'failed'], ['halted']],
  ['otter device list --st', ['--status'], ['--sort']],
  ['otter audit ', ['verify'], []],
  ['otter completion ', ['bash', 'fish', 'zsh'], []],
];

function hasShell(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0;
}

function run(shell: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(shell, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, TERM: 'dumb' },
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}

/** Words that the shell offers for a line that is typed so far. */
const OFFERS: Readonly<Record<string, (line: string) => readonly string[]>> = {
  bash: (line) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const code = `. ${folder}/otter.bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _otter; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', code]).split('\n');
  },
  fish: (line) =>
    run('fish', ['--no-config', '-c', `source ${folder}/otter.fish; complete -C '${line}'`])
      .split('\n')
      .map((offer) => offer.split('\t')[0] ?? ''),
  // The functions of zsh's completion work on a line that is edited alone: here they say what they would offer.
  zsh: (line) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const code = `
      compdef() { }
      compadd() { shift; print -rl -- "$@"; }
      _files() { }
      _describe() { print -rl -- "\${\${(P)@[-1]}[@]%%:*}"; }
      source ${folder}/otter.zsh
      words=(${words.join(' ')}); CURRENT=${words.length}; _otter`;
    const last = line.slice(line.lastIndexOf(' ') + 1);
    return run('zsh', ['-f', '-c', code])
      .split('\n')
      .filter((offer) => offer.startsWith(last));
  },
};

describe.each(Object.entries(OFFERS))('%s (skipped where it is not installed)', (shell, offersOf) => {
  test.skipIf(!hasShell(shell)).each(CASES)('after %j offers %j', (line, offered, not) => {
    const offers = offersOf(line);
    expect(offers).toEqual(expect.arrayContaining([...offered]));
    for (const word of not) expect(offers).not.toContain(word);
  });
});

test('with --json the script is a member', async () => {
  const { stdout } = await runOtter(folder, ['completion', 'fish', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ shell: 'fish', script: expect.stringContaining('complete -c otter') });
});
