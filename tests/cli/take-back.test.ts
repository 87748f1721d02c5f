// A build is taken back by hand: what it does to the boards is said before the question, on a real terminal (a pseudo-terminal
// of Python), and nothing is done without a yes.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OTTER, runOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

const TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

/** Types the command at a terminal, and the answer once it is asked for. Resolves with all that the terminal showed. */
async function typed(
  args: readonly string[],
  answer: string,
): Promise<{ readonly shown: string; readonly exitCode: number }> {
  const child = spawn('python3', ['-c', TERMINAL, ...OTTER, ...args, '--home', server.home], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let isAnswered = false;
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('utf8');
    if (isAnswered || !shown.includes('[y/N]')) return;
    isAnswered = true;
    child.stdin.write(`${answer}\n`);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { shown, exitCode: exitCode ?? -1 };
}

/** A product with 1.0.0 stable for one chip, and three boards on 1.1.0, one of another chip. */
async function newFleet(): Promise<ProductLine> {
  const line = new ProductLine(server);
  await line.makeStable('1.0.0');
  await line.add('1.1.0', { chips: ['esp32', 'esp32c3'] });
  await line.rollOut('1.1.0', 'expand');
  for (const chip of ['esp32', 'esp32', 'esp32c3']) await line.checkIn(line.newMac(), '1.1.0', { chip });
  return line;
}

test('a block says who goes where and who stays before it asks; a no changes nothing', async () => {
  const line = await newFleet();
  const command = ['firmware', 'block', '1.1.0', '--product', line.product];
  const refused = await typed(command, 'n');
  const before = refused.shown.slice(0, refused.shown.indexOf('[y/N]'));
  expect(before).toMatch(/3 devices run it:\r?\n2 are offered 1\.0\.0 with the next check\r?\n1 stays on it: .*chip/);
  expect(before).toContain(`ends: ${line.rolloutName('1.1.0')}`);
  expect(refused.exitCode, 'declined').toBe(130);
  const query = { product: line.product };
  expect(await server.admin('getFirmware', { params: { version: '1.1.0' }, query })).toMatchObject({ blocked: false });
  const done = await typed(command, 'y');
  expect(done.exitCode).toBe(0);
  expect(done.shown.slice(done.shown.indexOf('[y/N]'))).toMatch(/is blocked\r?\naborted: .*\r?\n3 devices run it:/);
  expect(await server.admin('getFirmware', { params: { version: '1.1.0' }, query })).toMatchObject({ blocked: true });
});

test('an abort with revert says the same, and show tells it afterwards', async () => {
  const line = await newFleet();
  const name = line.rolloutName('1.1.0');
  const dry = await runOtter(folder, ['rollout', 'abort', name, '--revert', '--dry-run', '--home', server.home]);
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toMatch(
    /^3 devices run it:\n2 are offered 1\.0\.0 with the next check\n1 stays on it: .*chip.*\n$/,
  );
  const done = await typed(['rollout', 'abort', name, '--revert'], 'y');
  expect(done.shown.slice(0, done.shown.indexOf('[y/N]'))).toMatch(/3 devices run it:/);
  expect(done.exitCode).toBe(0);
  const shown = await runOtter(folder, ['rollout', 'show', name, '--home', server.home]);
  expect(shown.stdout).toMatch(/reverted.*\nnow 3 devices run it:\n2 are offered 1\.0\.0/);
});
