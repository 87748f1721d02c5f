// `otter rollout simulate` against a real server: it asks for the rollout, and changes nothing.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addFirmware } from '../support/fleet.ts';
import { type OtterRun, runOtter, spawnOtter } from '../support/otter-command.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  await addFirmware(server, '1.5.0');
  await server.admin('createRollout', { body: { version: '1.5.0', plan: 'careful' } });
  await server.admin('createRollout', { body: { version: '1.5.0', plan: 'urgent' } });
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

async function simulate(...args: readonly string[]): Promise<OtterRun> {
  return runOtter(folder, ['rollout', 'simulate', ...args, '--home', server.home]);
}

describe('a rollout is simulated', () => {
  test('with a timeline, the numbers of each stage and a verdict', async () => {
    const run = await simulate('1.5.0-careful', '--devices', '500', '--label', 'pilot=20', '--seed', '1');
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /^1\.5\.0-careful, plan careful: 500 devices, a good build; poll every 10 min, seed 1$/m,
    );
    expect(run.stdout).toMatch(/^\+ *0 min {2}stage pilot opens, 20 devices so far$/m);
    expect(run.stdout).toMatch(/^stage +opened +exposed +affected +healthy +failed +crashing +lost +waiting +other$/m);
    expect(run.stdout).toMatch(/^pilot +\+0 min +20 +0 +20 +0 +0 +0 +0 +0$/m);
    expect(run.stdout).toMatch(
      /^complete: 500 of 500 devices run the build, 0 affected after \d h \d\d min\nhalted in: not halted; exposed: 500; affected: 0\n$/m,
    );
  });

  test('as one JSON document, the same for a seed', async () => {
    const args = ['1.5.0-careful', '--fail-trial', '50%', '--silent', '2%', '--poll', '1h', '--json'] as const;
    const run = await simulate(...args);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject({ outcome: 'halted', halted_in: 'pilot', devices: 1000 });
    expect((await simulate(...args)).stdout).toBe(run.stdout);
  });

  test('with every kind of bad build, and boards that sleep, die or lose their network', async () => {
    const around = ['--sleeping', '10%', '--attrition', '1%', '--outage', '30%', '--label', 'pilot=40'] as const;
    const run = await simulate('1.5.0-careful', '--fault', 'dies=50%:10m', '--bad-chip', '40%', ...around);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('50 %: is never heard of again after it confirmed (10 min), only on a second chip');
    expect(run.stdout).toMatch(/10 % sleep 6 h, an outage of 30 % for 1 h after /);
    expect(run.stdout).toMatch(/\nhalted in: pilot; exposed: \d+; affected: \d+\n$/);
  });

  test('and nothing of it is left on the server', async () => {
    const before = await server.admin('getRollout', { params: { name: '1.5.0-careful' } });
    await simulate('1.5.0-careful');
    expect(await server.admin('getRollout', { params: { name: '1.5.0-careful' } })).toEqual(before);
    expect(before.status).toBe('draft');
    expect((await server.admin('getStatus', {})).devices.total).toBe(0);
  });

  test('until Ctrl-C, which ends it without a result', async () => {
    server.logged.length = 0;
    const args = ['rollout', 'simulate', '1.5.0-urgent', '--devices', '20000', '--network-fail', '100%', '--json'];
    const run = await spawnOtter(folder, [...args, '--home', server.home], {
      // The last thing that it asks for; from there on it is busy by itself, for minutes.
      onStart: (child) =>
        void vi
          .waitFor(() => expect(server.logged.join('')).toContain('/firmware/1.5.0'), 20_000)
          .then(() => child.kill('SIGINT')),
    });
    expect(run.exitCode).toBe(130);
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'interrupted' } });
  });

  test.each([
    ['an unknown rollout', ['9.9.9'], 3, /rollout_unknown/],
    [
      'a label that no stage asks for',
      ['1.5.0-careful', '--label', 'shop=5'],
      3,
      /no stage .* label shop.*its labels: pilot/s,
    ],
    ['a label where every device is taken', ['1.5.0-urgent', '--label', 'pilot=5'], 3, /its stages take every device/],
    ['the label that is every device', ['1.5.0-careful', '--label', 'general=5'], 3, /general means every device/],
    [
      'more devices with a label than there are',
      ['1.5.0-careful', '--devices', '4', '--label', 'pilot=5'],
      3,
      /5 devices cannot have label pilot, there are 4/,
    ],
  ] as const)('never with %s', async (_name, args, exitCode, said) => {
    const run = await simulate(...args, '--json');
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toMatch(said);
    expect(JSON.parse(run.stdout).error.hint).not.toBe('');
  });
});
