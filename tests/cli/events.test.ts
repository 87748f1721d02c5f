// `otter events` against a real server: what is printed, how it goes on after the server was away, how it ends.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type OtterRun, runOtter, spawnOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

let server: TestServer;
let folder: string;
let line: ProductLine;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  line = new ProductLine(server);
  await line.add('1.1.0');
  await line.rollOut('1.1.0', 'pilot');
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

const otter = async (...args: readonly string[]): Promise<OtterRun> =>
  runOtter(folder, [...args, '--home', server.home]);

/** Runs it until the test says to press Ctrl-C. */
function follow(...args: readonly string[]) {
  const seen = { stdout: '', stderr: '' };
  let interrupt = (): void => undefined;
  const ended = spawnOtter(folder, ['events', '--follow', ...args, '--home', server.home], {
    onStart: (child) => {
      child.stdout?.on('data', (chunk: Buffer) => (seen.stdout += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (seen.stderr += chunk.toString()));
      interrupt = () => child.kill('SIGINT');
      onTestFinished(() => void child.kill('SIGKILL'));
    },
  });
  const says = async (text: RegExp): Promise<void> =>
    vi.waitFor(() => expect(seen.stdout + seen.stderr).toMatch(text), { timeout: 20_000 });
  return { seen, ended, says, interrupt: () => interrupt() };
}

test('the latest events are printed one a line, the latest last', async () => {
  const { stdout, exitCode } = await otter('events', '--limit', '2');
  expect(exitCode).toBe(0);
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^2026-11-23 \d\d:\d\d:00 \S+ {2}stage\.opened +product-\d+-1\.1\.0 {2}pilot {2}label=pilot/),
    expect.stringMatching(
      /^2026-11-23 \d\d:\d\d:00 \S+ {2}rollout\.started +product-\d+-1\.1\.0 {2}pilot {2}from=draft/,
    ),
  ]);
});

test('with --json they are one document, with --after those behind an event', async () => {
  const { items } = JSON.parse((await otter('events', '--json')).stdout);
  expect(items.map(({ type }: { type: string }) => type)).toEqual([
    'rollout.created',
    'stage.opened',
    'rollout.started',
  ]);
  const after = await otter('events', '--after', items[0].id, '--limit', '1');
  expect(after.stdout).toMatch(/^\S+ \S+ \S+ {2}stage\.opened[^\n]*\n$/);
  expect(after.stderr).toContain(`--after ${items[1].id}`);
  expect((await otter('events', '--type', 'rollout')).stdout.trim().split('\n')).toHaveLength(2);
});

test.each([
  ['an id that is none', ['--after', 'yesterday'], 3, /"yesterday" is not the id of an event/],
  ['an id of another server', ['--follow', '--after', '77-77'], 3, /77-77 is not known here/],
  ['a type that there is not', ['--type', 'rollouts'], 2, /rollout\.created/],
  ['too many', ['--limit', '501'], 3, /501 is not a number from 1 to 500/],
] as const)('%s ends with what to do', async (_name, args, exitCode, said) => {
  const run = await otter('events', ...args);
  expect(run).toMatchObject({ exitCode, stdout: '' });
  expect(run.stderr).toMatch(said);
});

test('no events are a word on stderr', async () => {
  expect(await otter('events', '--rollout', 'nowhere')).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: 'no such events\n',
  });
});

test('--follow begins with the latest, goes on after the server was away, and ends with Ctrl-C', async () => {
  const port = server.url.port;
  const following = follow('--limit', '1', '--json');
  await following.says(/rollout\.started/);
  await line.move('1.1.0', 'pause');
  await following.says(/rollout\.paused/);
  await server.stop();
  await following.says(/the server is away; trying again/);
  server = await startTestServer({ like: server, port: Number(port) });
  line.moveTo(server);
  await line.move('1.1.0', 'resume');
  await following.says(/rollout\.resumed/);
  await line.move('1.1.0', 'abort');
  await following.says(/rollout\.aborted/);
  following.interrupt();
  const { exitCode, stdout, stderr } = await following.ended;
  expect(exitCode).toBe(130);
  const told = stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(told.map(({ type }) => type)).toEqual([
    'rollout.started',
    'rollout.paused',
    'rollout.resumed',
    'stage.closed',
    'rollout.aborted',
  ]);
  expect(stderr).toMatch(/otter events --follow --after 0-\d+/);
});
