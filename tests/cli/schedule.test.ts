// `otter schedule ...` as a person types it, against a real server: one time, a promotion that waits, and what the list shows.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gate } from '#protocol/admin/plan.ts';
import { type OtterRun, runOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

const GATE: Gate = { min_confirmed: 1, max_failed: 0 };

let server: TestServer;
let folder: string;
let line: ProductLine;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  line = new ProductLine(server);
  await line.add('1.1.0');
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

const otter = async (...args: readonly string[]): Promise<OtterRun> =>
  runOtter(folder, [...args, '--home', server.home]);
const tickAt = async (instant: string): Promise<void> => {
  server.clock.nowMs = Date.parse(instant);
  await server.tick();
};

test('a schedule for one time is made, shown, and done after its run', async () => {
  await line.rollOut('1.1.0', 'draft');
  const rollout = line.rolloutName('1.1.0');
  const add = ['--timezone', 'Europe/Berlin', '--action', 'start', '--rollout', rollout];
  const late = await otter('schedule', 'add', 'eve', '--at', '2026-11-20T03:00', ...add);
  expect(late).toMatchObject({
    exitCode: 3,
    stderr: expect.stringMatching(/2026-11-20T03:00 .* is over: it is 2026-11-23T11:00/),
  });
  const added = await otter('schedule', 'add', 'eve', '--at', '2030-12-24T03:00', ...add);
  expect(added).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/runs once, in .*\(2030-12-24 \d\d:00:00 \S+\)/),
  });
  await tickAt('2030-12-24T02:00:00Z');
  const { stdout } = await otter('schedule', 'list');
  expect(stdout).toMatch(/eve +2030-12-24T03:00 +Europe\/Berlin +start .* done .* done$/m);
  expect(await otter('schedule', 'enable', 'eve')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/does not run again.*otter schedule remove eve, then otter schedule add/s),
  });
  await line.move('1.1.0', 'abort');
});

test('a promotion says which stage it means, and the list and the status say that it waits', async () => {
  const pilot = { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'manual', gate: GATE } as const;
  const all = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' } as const;
  await server.admin('setPlan', { params: { name: 'gated' }, body: { stages: [pilot, all] } });
  await line.newDevice('1.0.0', ['pilot']);
  const body = { version: '1.1.0', product: line.product, plan: 'gated' };
  const { name } = await server.admin('createRollout', { body });
  await server.admin('startRollout', { params: { name }, body: {} });
  const promote = ['--cron', '0 9 * * *', '--action', 'promote', '--rollout', name];
  const added = await otter('schedule', 'add', 'weekly', ...promote);
  expect(added.stdout).toMatch(/; promotes from stage pilot, once its gate has passed/);
  await tickAt('2030-12-25T09:00:00Z');
  const { stdout } = await otter('schedule', 'list');
  expect(stdout).toMatch(/weekly +0 9 \* \* \* +UTC +promote from pilot .* pending for .*: 0 of 1 healthy/);
  expect((await otter('status')).stdout).toMatch(
    /warning: schedule weekly is pending since 2030-12-25T09:00:00.000Z: the gate of stage pilot .* 0 of 1 healthy/,
  );
  expect(await otter('schedule', 'run', 'weekly')).toMatchObject({ exitCode: 6 });
});
