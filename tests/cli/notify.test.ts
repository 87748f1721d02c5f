// `otter notify` as people type it, against a server over real TLS that tells a real receiver.

import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runOtter } from '../support/otter-command.ts';
import { startReceiver, with200, withStatus } from '../support/receiver.ts';
import { startTestServer } from '../support/server/server.ts';

test('recipients are listed without their secrets, and told for a test', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const receiver = await startReceiver();
  const first = await startTestServer();
  const otter = async (...args: readonly string[]) => runOtter(folder, [...args, '--home', first.home]);
  expect((await otter('notify', 'list')).stdout).toContain('nobody is told anything');
  expect(await otter('notify', 'test')).toMatchObject({ stderr: expect.stringContaining('config/server.yml') });
  await first.stop();
  const url = `http://127.0.0.1:${receiver.port}/services/XyzzySecret`;
  const notify = [{ name: 'team', shape: 'slack', url: { value: url }, allow_private: true }];
  await appendFile(join(first.home, 'config/server.yml'), `\nnotify: ${JSON.stringify(notify)}\n`);
  const server = await startTestServer({ like: first });
  onTestFinished(async () => server.end());
  const list = await otter('notify', 'list');
  expect(list.stdout).toMatch(/team +slack +127\.0\.0\.1:\d+ .*rollout\.halted/);
  expect(list.stdout).not.toContain('XyzzySecret');
  expect(await otter('notify', 'test', 'team')).toMatchObject({
    exitCode: 0,
    stdout: 'team (slack): took the message\n',
  });
  receiver.answer = withStatus(410);
  const failed = await otter('notify', 'test');
  expect(failed).toMatchObject({ exitCode: 5, stdout: 'team (slack): answered 410\n' });
  expect(failed.stderr).toContain('1 of 1 did not take the message');
  receiver.answer = with200;
  expect(JSON.parse((await otter('notify', 'test', '--json')).stdout)).toEqual({
    items: [{ name: 'team', shape: 'slack', ok: true, why: null }],
  });
  expect(receiver.deliveries).toHaveLength(3);
});
