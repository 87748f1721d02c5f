// The README, pasted: its blocks run in the terminals that they name, in a fresh clone with its own server on its own port,
// and print what the README says. What it says of a moment later is waited for.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../support/scope.ts';
import { makeClone } from './fresh-clone.ts';
import { type CodeBlock, codeBlocks, readDocument } from './markdown.ts';
import { isPrinted, Terminal } from './pasting.ts';

const BLOCKS = codeBlocks(readDocument('README.md'));
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Commands that only look: a person types them again until they see what they wait for. */
const ONLY_LOOKS = /^(#.*|npx otter (device|rollout|firmware|schedule) (list|show|explain) .*|npx otter audit .*)?$/;
/** What npx finds in a clone, without npm's own second of work for each command; at night with it. */
const NPX = sizeOf({ push: 'npx() { shift; node bin/otter.mjs "$@"; }\n', whole: '' });
const LATER_MS = 120_000;

const shell: { clone: string; home: string; port: string; terminals: Map<string, Terminal> } = {
  clone: '',
  home: '',
  port: '',
  terminals: new Map(),
};

beforeAll(async () => {
  shell.clone = makeClone();
  shell.home = mkdtempSync(join(tmpdir(), 'otter-person-'));
  shell.port = await freePort();
});

afterAll(async () => {
  // The boards before the server.
  for (const terminal of [...shell.terminals.values()].toReversed()) await terminal.close();
  for (const folder of [shell.clone, shell.home]) rmSync(folder, { recursive: true, force: true });
});

describe('the README, pasted into a fresh clone', { timeout: 300_000 }, () => {
  test('goes from an empty server to a rollout and back', async () => {
    expect(await paste('A walk-through, without a board')).toBeGreaterThan(10);
  });

  test.skipIf(!hasCurl)('updates a board that speaks with curl (skipped where there is no curl)', async () => {
    expect(await paste('Point a board at it')).toBeGreaterThan(1);
  });
});

/**
 * Pastes the blocks of a section one after the other, each with the block behind it that says what it prints. Resolves
 * with how many there were; rejects with what is printed instead.
 */
async function paste(section: string): Promise<number> {
  const blocks = BLOCKS.filter((block) => block.section === section);
  const commands = blocks.filter(({ language }) => language === 'sh');
  for (const block of commands) {
    const next = blocks[blocks.indexOf(block) + 1];
    await pasteBlock(onOwnPort(block.text), onOwnPort(next?.language === 'text' ? next.text : ''));
  }
  return commands.length;
}

async function pasteBlock(commands: string, says: string): Promise<void> {
  const name = /^# (terminal \d)\n/.exec(commands)?.[1];
  if (name === undefined) throw new Error(`the block does not begin with its terminal:\n${commands}`);
  const terminal = terminalOf(name);
  if (name !== 'terminal 3') {
    terminal.begin(commands);
    await terminal.waitFor((output) => isPrinted(output, says), commands);
    return;
  }
  const looksOnly = commands.split('\n').every((line) => ONLY_LOOKS.test(line));
  const giveUpAtMs = performance.now() + (looksOnly ? LATER_MS : 0);
  for (;;) {
    const printed = await terminal.run(commands);
    if (isPrinted(printed, says)) return;
    if (performance.now() > giveUpAtMs) throw new Error(`the README says:\n${says}\nprinted is:\n${printed}`);
    await delay(1_000);
  }
}

function terminalOf(name: string): Terminal {
  const known = shell.terminals.get(name);
  if (known !== undefined) return known;
  const env = {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: shell.home,
    LANG: 'C.UTF-8',
    OTTER_HOST: '127.0.0.1',
    OTTER_PORT: shell.port,
    npm_config_update_notifier: 'false',
  };
  const terminal = new Terminal(shell.clone, env, NPX);
  shell.terminals.set(name, terminal);
  return terminal;
}

/** The only change to what the README says: somebody may run a server on 8443 here. */
function onOwnPort(text: CodeBlock['text']): string {
  return text.replaceAll('8443', shell.port);
}

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a listening server has no port');
  return String(address.port);
}
