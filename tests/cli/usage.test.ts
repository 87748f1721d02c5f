// What a person may type wrong. No server is needed: each of these ends before a connection is made. The D numbers are the
// rows of the list of bad inputs.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOtter, spawnOtter } from '../support/otter-command.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-cli-'));
});
afterAll(async () => rm(home, { recursive: true, force: true }));

const REMOTE = ['--server', 'https://127.0.0.1:9', '--token', 'x'];
const MISTAKES: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly says: readonly string[];
}[] = [
  { name: 'D2: a misspelt command', args: ['rolout'], says: ["unknown command 'rolout'", 'Did you mean rollout?'] },
  { name: 'a misspelt subcommand', args: ['rollout', 'promot'], says: ["'promot'", 'Did you mean promote?'] },
  { name: 'D3: an unknown option', args: ['status', '--flag'], says: ["unknown option '--flag'"] },
  {
    name: 'a misspelt option',
    args: ['device', 'list', '--stauts', 'ok'],
    says: ['--stauts', 'Did you mean --status?'],
  },
  { name: 'a missing argument', args: ['firmware', 'add'], says: ["'file'"] },
  { name: 'an argument too many', args: ['status', 'now'], says: ['too many arguments'] },
  {
    name: 'D5: options that exclude each other',
    args: ['label', 'list', '--all', '--limit', '3'],
    says: ['--all', '--limit'],
  },
  { name: 'a token twice', args: ['status', '--token', 'x', '--token-file', 'y'], says: ['--token', '--token-file'] },
  { name: 'a home and a server', args: ['status', '--home', 'x', ...REMOTE], says: ['--home', '--server'] },
  { name: 'D17: no percentage', args: ['simulate', '--fail-trial', 'abc'], says: ["'abc'", 'percentage', '3%'] },
  { name: 'D18: over 100%', args: ['simulate', '--fail-trial', '150%'], says: ["'150%'", 'between 0% and 100%'] },
  { name: 'below 0%', args: ['simulate', '--silent=-1%'], says: ["'-1%'"] },
  { name: 'a label without a share', args: ['simulate', '--label', 'pilot'], says: ["'pilot'", 'pilot=5%'] },
  { name: 'a label given twice', args: ['simulate', '--label', 'a=1%', '--label', 'a=2%'], says: ['a is given twice'] },
  { name: 'a fault without a share', args: ['simulate', '--fault', 'dies'], says: ["'dies'", 'dies=20%:10m'] },
  { name: 'a fault that is none', args: ['simulate', '--fault', 'sulks=5%'], says: ['crash_loops', 'leaks_heap'] },
  { name: 'a fault on too many', args: ['simulate', '--fault', 'dies=120%:5m'], says: ['between 0% and 100%'] },
  { name: 'a fault that cannot wait', args: ['simulate', '--fault', 'bricks=5%:10m'], says: ['write bricks=5%'] },
  { name: 'no devices', args: ['simulate', '--devices', '0'], says: ["'0'", 'from 1 to 65536'] },
  { name: 'a rollout of no boards', args: ['rollout', 'simulate', 'x', '--devices', '0'], says: ["'0'", '65536'] },
  {
    name: 'a build that fails more than always',
    args: ['rollout', 'simulate', 'x', '--fail-trial', '120%'],
    says: ["'120%'", 'between 0% and 100%'],
  },
  { name: 'a label without a number', args: ['rollout', 'simulate', 'x', '--label', 'pilot'], says: ['pilot=20'] },
  { name: 'a number that is none', args: ['rollout', 'simulate', 'x', '--label', 'a=5%'], says: ['whole number'] },
  {
    name: 'a simulated label given twice',
    args: ['rollout', 'simulate', 'x', '--label', 'a=1', '--label', 'a=2'],
    says: ['a is given twice'],
  },
  { name: 'a poll of nothing', args: ['rollout', 'simulate', 'x', '--poll', '0s'], says: ['from 30s to 24h'] },
  { name: 'a simulation of nothing', args: ['rollout', 'simulate'], says: ["'name'"] },
  {
    name: 'D19: an address without scheme',
    args: ['status', '--server', 'localhost:8443'],
    says: ['https://localhost:8443'],
  },
  { name: 'an address without TLS', args: ['status', '--server', 'http://localhost'], says: ['only https'] },
  { name: 'an address with a path', args: ['status', '--server', 'https://a/b'], says: ['no path', 'https://a'] },
  { name: 'an address with a password', args: ['status', '--server', 'https://a:b@c'], says: ['--token-file'] },
  { name: 'something that is no pin', args: ['status', '--pin', 'abc'], says: ['64 hex digits'] },
  { name: 'a MAC that is none', args: ['device', 'show', '24:6f'], says: ["'24:6f'", '24:6f:28:aa:bb:cc', 'dev-17'] },
  { name: 'a hold without a reason', args: ['device', 'hold', '24:6f:28:aa:bb:cc'], says: ['--reason'] },
  {
    name: 'an end that is none',
    args: ['device', 'hold', '24:6f:28:aa:bb:cc', '--reason', 'x', '--until', 'soon'],
    says: ["'soon'", '3d', '2026-12-24'],
  },
  { name: 'an unknown status', args: ['rollout', 'list', '--status', 'done'], says: ["'done'", 'complete'] },
  { name: 'a limit of nothing', args: ['audit', '--limit', '0'], says: ["'0'"] },
  { name: 'an unknown chip', args: ['firmware', 'add', 'x', '--chip', 'esp8266'], says: ["'esp8266'", 'esp32s3'] },
  { name: 'a port out of range', args: ['serve', '--port', '70000'], says: ["'70000'", '65535'] },
  { name: 'a rollout of nothing', args: ['rollout', 'create'], says: ['--firmware'] },
  { name: 'a schedule without a time', args: ['schedule', 'add', 'x', '--action', 'start'], says: ['--cron'] },
  {
    name: 'a schedule with two times',
    args: ['schedule', 'add', 'x', '--action', 'start', '--cron', '0 2 * * *', '--at', '2030-12-24T03:00'],
    says: ['--at', '--cron'],
  },
  {
    name: 'an override without a reason',
    args: ['rollout', 'promote', 'x', '--from', 'pilot', '--override'],
    says: ['--reason', 'otter rollout promote x --from pilot --override --reason'],
  },
  { name: 'D29: a block nobody can confirm', args: ['firmware', 'block', '1.0.0', ...REMOTE], says: ['--yes'] },
  { name: 'D29: an abort nobody can confirm', args: ['rollout', 'abort', 'x', ...REMOTE], says: ['--yes'] },
  { name: 'D29: a deletion nobody can confirm', args: ['label', 'delete', 'x', ...REMOTE], says: ['--yes'] },
  { name: 'D29: a removal nobody can confirm', args: ['schedule', 'remove', 'x', ...REMOTE], says: ['--yes'] },
];

describe('a mistake in the command line ends with 2, says what is wrong and prints no result', () => {
  test.for(MISTAKES)('$name', async ({ args, says }) => {
    const run = await runOtter(home, args);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/^error: /);
    for (const text of says) expect(run.stderr).toContain(text);
  });
});

describe('help', () => {
  test('D1: without arguments the help goes to stderr and the exit code is 2', async () => {
    const run = await spawnOtter(home, []);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('Usage: otter COMMAND');
  });

  test('a group without a command shows the help of the group on stderr and ends with 2', async () => {
    const run = await runOtter(home, ['firmware']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('unblock');
  });

  test('asked for, it goes to stdout and the exit code is 0', async () => {
    const run = await runOtter(home, ['rollout', 'show', '--help']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('--watch');
    expect(run.stdout).toContain('--json');
  });

  test('the version is the one of the package', async () => {
    const { stdout, exitCode } = await spawnOtter(home, ['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

test('with --json a mistake is one object on stdout, with the same exit code', async () => {
  const run = await runOtter(home, ['rolout', '--json']);
  expect(run).toMatchObject({ exitCode: 2, stderr: '' });
  expect(JSON.parse(run.stdout)).toEqual({
    error: { code: 'usage', message: "unknown command 'rolout'", hint: 'Did you mean rollout?' },
  });
});

test('a mistake in the environment is named by its variable', async () => {
  const run = await runOtter(home, ['status'], { env: { OTTER_SERVER: 'localhost:8443' } });
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('OTTER_SERVER is "localhost:8443"');
});

test('where no server is set up and none is named, the message says both ways on', async () => {
  const run = await runOtter(home, ['status', '--home', home]);
  expect(run.exitCode).toBe(5);
  expect(run.stderr).toContain(home);
  expect(run.stderr).toContain('npm start');
  expect(run.stderr).toContain('--server');
});
