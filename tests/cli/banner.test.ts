// What a server says at its start, and `otter status --banner` says again: the same, without asking the server.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runOtter, spawnOtter } from '../support/otter-command.ts';

async function makeHome(): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), 'otter-banner-'));
  onTestFinished(async () => rm(home, { recursive: true, force: true }));
  return home;
}

test('status --banner is what the start said', async () => {
  const home = await makeHome();
  const again = vi.fn<() => void>();
  let shown = '';
  const run = await spawnOtter(home, ['start', '--home', home, '--port', '0', '--json'], {
    env: { OTTER_HOST: '127.0.0.1' },
    onStart: (child) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        if (!chunk.toString().includes('Otter is ready')) return;
        again();
        void (async () => {
          const asked = await runOtter(home, ['status', '--banner', '--home', home], {
            env: { OTTER_HOST: '127.0.0.1' },
          });
          shown = asked.stdout;
          child.kill('SIGTERM');
        })();
      });
    },
  });
  expect(again).toHaveBeenCalledOnce();
  expect(run.exitCode).toBe(0);
  const typed = (text: string): string =>
    text.trim().replaceAll('npx otter', 'otter').replaceAll(` --home ${home}`, '');
  expect(typed(shown)).toBe(typed(run.stderr));
  // --json means log lines for programs, on a terminal too.
  for (const line of run.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
});

test('with --json it is a document; where no server is set up it says so', async () => {
  const home = await makeHome();
  expect(await runOtter(home, ['status', '--banner', '--home', home])).toMatchObject({
    exitCode: 5,
    stderr: expect.stringContaining('no server is set up'),
  });
  await runOtter(home, ['init', '--home', home]);
  const { stdout } = await runOtter(home, ['status', '--banner', '--home', home, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    url: 'https://localhost:8443',
    pin: expect.stringMatching(/^spki:[0-9a-f]{64}$/),
    admin_token_file: path.join(home, 'data/tokens/admin.token'),
  });
});

test('with --json a start that is refused is one document, with the same exit code', async () => {
  const home = await makeHome();
  const run = await spawnOtter(home, ['serve', '--home', path.join(home, 'none'), '--json']);
  expect(run).toMatchObject({ exitCode: 78, stderr: '' });
  expect(JSON.parse(run.stdout).error.code).toMatch(/config_invalid|start_refused/);
});
