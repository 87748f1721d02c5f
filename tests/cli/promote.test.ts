// `otter rollout promote` as a person types it, with and without a terminal, against a real server.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Gate } from '#protocol/admin/plan.ts';
import { type OtterRun, runOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { hasScript, typeOnTerminal } from '../support/typed-command.ts';

const GATE: Gate = { min_confirmed: 2, max_failed: 0 };

let server: TestServer;
let folder: string;
let line: ProductLine;
let name: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  const pilot = { name: 'pilot', label: 'pilot', percentage: 100, promotion: 'manual', gate: GATE } as const;
  const all = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' } as const;
  await server.admin('setPlan', { params: { name: 'gated' }, body: { stages: [pilot, all] } });
});
beforeEach(async () => {
  line = new ProductLine(server);
  await line.add('1.1.0');
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

const otter = async (...args: readonly string[]): Promise<OtterRun> =>
  runOtter(folder, [...args, '--home', server.home]);
const type = async (input: string, ...args: readonly string[]): Promise<string> =>
  typeOnTerminal(folder, input, [...args, '--home', server.home]);
const stageOf = async () => (await server.admin('getRollout', { params: { name } })).stage;
const begin = async (plan: string): Promise<void> => {
  ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
  await server.admin('startRollout', { params: { name }, body: {} });
};
const update = async (mac: string): Promise<void> => {
  await line.take(mac, '1.0.0');
  await line.checkIn(mac, '1.1.0');
};

describe('promote', () => {
  test('with the stage that it means says where the rollout stands, and no more', async () => {
    await line.newDevice('1.0.0', ['pilot']);
    await begin('default');
    const run = await otter('rollout', 'promote', name, '--from', 'pilot');
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/is running, stage expand/);
    expect(await otter('rollout', 'promote', name, '--from', 'pilot')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringMatching(/at stage expand, not at pilot.*--from expand/s),
    });
    expect(await stageOf()).toBe('expand');
  });

  test('without one, where nobody can be asked, takes the open one and says on stderr how to name it', async () => {
    await line.newDevice('1.0.0', ['pilot']);
    await begin('default');
    const run = await otter('rollout', 'promote', name);
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/stage expand/) });
    expect(run.stderr).toMatch(new RegExp(`^warning: .*otter rollout promote ${name} --from pilot`));
    const json = await otter('rollout', 'promote', name, '--json');
    expect(json.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toMatchObject({
      status: 'complete',
      warnings: [expect.stringContaining('--from expand')],
    });
  });

  test('of a gate that has not passed says its numbers and how to pass it', async () => {
    await line.newDevice('1.0.0', ['pilot']);
    await line.newDevice('1.0.0', ['pilot']);
    await begin('gated');
    const refused = await otter('rollout', 'promote', name, '--from', 'pilot');
    expect(refused).toMatchObject({ exitCode: 6, stdout: '' });
    expect(refused.stderr).toMatch(/0 of 2 healthy.*--from pilot --override --reason/s);
    const reason = ['--override', '--reason', 'seen on the bench'];
    expect(await otter('rollout', 'promote', name, '--from', 'pilot', ...reason)).toMatchObject({ exitCode: 0 });
    expect(await stageOf()).toBe('all');
  });

  describe.skipIf(!hasScript())('on a terminal without the stage', () => {
    test('shows the gate and how many come next, and asks', async () => {
      const pilots = [await line.newDevice('1.0.0', ['pilot']), await line.newDevice('1.0.0', ['pilot'])];
      for (let index = 0; index < 3; index += 1) await line.newDevice('1.0.0');
      await begin('gated');
      for (const mac of pilots) await update(mac);
      const declined = await type('\n', 'rollout', 'promote', name);
      const question = declined.indexOf(`promote ${name} from stage pilot? [y/N]`);
      expect(declined.slice(0, question)).toMatch(/gate of pilot: passed: 2 of 2 healthy.*all takes 3 more devices/s);
      expect(await stageOf()).toBe('pilot');
      expect(await type('y\n', 'rollout', 'promote', name)).toMatch(/is running, stage all/);
      expect(await type('y\n', 'rollout', 'promote', name)).toMatch(
        /stage all has no gate: .*all is the last stage.*is complete/s,
      );
    });

    test('asks nothing where the gate has not passed', async () => {
      await line.newDevice('1.0.0', ['pilot']);
      await begin('gated');
      const refused = await type('y\n', 'rollout', 'promote', name);
      expect(refused).not.toContain('[y/N]');
      expect(refused).toMatch(/0 of 1 healthy/);
      expect(await stageOf()).toBe('pilot');
    });
  });
});

describe('a pilot without a board', () => {
  test('is told of on stderr, with the command that labels one, and promote is not what comes next', async () => {
    await line.newDevice('1.0.0');
    const created = await otter('rollout', 'create', '--firmware', '1.1.0', '--product', line.product);
    expect(created).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/next: npx otter device label MAC pilot/),
    });
    name = line.rolloutName('1.1.0');
    const started = await otter('rollout', 'start', name, '--anyway');
    expect(started).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/next: npx otter rollout abort/) });
    expect(started.stderr).toMatch(/^warning: nobody is in stage pilot: .*otter device label MAC pilot/);
    const shown = await otter('rollout', 'show', name);
    expect(shown.stdout).toMatch(/warning: nobody is in stage pilot: .*otter device label MAC pilot/);
    for (const { stdout, stderr } of [created, started, shown]) expect(stdout + stderr).not.toMatch(/promote/);
  });

  test('is not told of where there is one', async () => {
    await line.newDevice('1.0.0', ['pilot']);
    const created = await otter('rollout', 'create', '--firmware', '1.1.0', '--product', line.product);
    expect(created).toMatchObject({ stderr: '', stdout: expect.stringMatching(/next: npx otter rollout start/) });
    const started = await otter('rollout', 'start', line.rolloutName('1.1.0'));
    expect(started).toMatchObject({ stderr: '', stdout: expect.stringMatching(/next: .* promote .* --from pilot/) });
  });
});
