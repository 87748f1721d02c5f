// Every command has an example, every example can be typed, and `otter help` finds commands and topics.

import { expect, test } from 'vitest';
import { describeTree } from '#cli/help/command-tree.ts';
import { EXAMPLES } from '#cli/help/examples.ts';
import { TOPICS } from '#cli/help/topics.ts';
import { createTree } from '#cli/main.ts';
import { createShell } from '#cli/shell.ts';
import { runOtter } from '../../support/otter-command.ts';

const COMMANDS = describeTree(createTree(createShell(() => undefined)), EXAMPLES);
const paths = COMMANDS.map(({ path }) => path);

test('every command has an example', () => {
  const without = COMMANDS.filter(({ below, examples }) => below.length === 0 && examples.length === 0);
  expect(without.map(({ path }) => path)).toEqual([]);
});

test.each(Object.entries(EXAMPLES))(
  'the examples of %s name that command and options that it has',
  (path, examples) => {
    expect(paths).toContain(path);
    const own = COMMANDS.filter((one) => one.path === '' || one.path === path).flatMap(({ options }) => options);
    for (const [command] of examples) {
      expect(command).toMatch(new RegExp(`^otter ${path}( |$)`));
      for (const [option] of command.matchAll(/--[a-z-]+/g)) expect(own.map(({ long }) => long)).toContain(option);
    }
  },
);

test('the help of a command shows its examples, also by `otter help`', async () => {
  const asked = await runOtter('/', ['rollout', 'promote', '--help']);
  expect(asked.stdout).toContain('otter rollout promote 1.2.0 --from pilot');
  expect(await runOtter('/', ['help', 'rollout', 'promote'])).toEqual(asked);
});

test('without a topic it lists commands and topics', async () => {
  const { stdout, exitCode } = await runOtter('/', ['help']);
  expect(exitCode).toBe(0);
  for (const name of [...Object.keys(TOPICS), 'rollout', 'login']) expect(stdout).toContain(`  ${name} `);
});

test('with --json it is a document', async () => {
  const { stdout } = await runOtter('/', ['help', 'exit-codes', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ topic: 'exit-codes', text: expect.stringContaining('130  Ctrl-C') });
});

test('a topic that there is none of is a mistake, and those that there are are named', async () => {
  const run = await runOtter('/', ['help', 'rollouts']);
  expect(run).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('connection, environment') });
});

test('a topic fits 80 columns', () => {
  for (const { text } of Object.values(TOPICS))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});
