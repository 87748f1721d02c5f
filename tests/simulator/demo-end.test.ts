// The demo when its person goes: the pipe or the terminal that it writes to closes, and nothing of it is left.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

const DEMO = join(import.meta.dirname, '../../simulator/demo/demo.ts');
const WAYS: readonly (readonly [string, (demo: ChildProcess) => void, number])[] = [
  ['its reader has enough', (demo) => demo.stdout?.destroy(), 141],
  ['its terminal is closed', (demo) => void demo.kill('SIGHUP'), 129],
];

test.concurrent.each(WAYS)('where %s, it ends, with its server and its home', async (_, leave, exitCode) => {
  const demo = spawn(process.execPath, [DEMO], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  demo.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  demo.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => void demo.once('close', resolve));
  const home = await vi.waitFor(() => {
    const found = /its home (\S+) is removed/.exec(said.out)?.[1];
    if (found === undefined) throw new Error(`no server yet: ${said.out}${said.err}`);
    return found;
  });
  expect(processesOf(home)).not.toEqual([]);
  leave(demo);
  expect(await ended).toBe(exitCode);
  expect(said.err).toBe('');
  expect(processesOf(home)).toEqual([]);
  expect(existsSync(home)).toBe(false);
});

/** Processes that know this home (Linux). */
function processesOf(home: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(`OTTER_HOME=${home}`));
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
