// `otter update`: from a binary to updated boards in one command, against a real server with a fleet on a moved clock.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runOtter, type OtterRun } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { type Fate, WatchedFleet } from '../support/watched-fleet.ts';

const HOUR_S = 3_600;

let server: TestServer;
let folder: string;
let line: ProductLine;
let fleet: WatchedFleet;
let file: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
});
beforeEach(async () => {
  server.clock.advance(48 * HOUR_S);
  line = new ProductLine(server);
  fleet = new WatchedFleet(server, line);
  await line.makeStable('1.0.0');
  file = join(folder, `${line.product}.bin`);
  await writeFile(file, line.image('1.1.0'));
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

async function otter(...args: readonly string[]): Promise<OtterRun> {
  return runOtter(folder, ['update', file, '--product', line.product, ...args, '--home', server.home]);
}

/** While the command follows, the boards do what they do. */
async function updateWith(fate: Fate, boards: number): Promise<OtterRun> {
  await fleet.add(boards, { fate });
  server.clock.advance(25 * HOUR_S);
  let isOver = false;
  const run = otter('--yes').finally(() => {
    isOver = true;
  });
  await fleet.run(24 * HOUR_S, async () => {
    // The command asks once a second, and only what it asks it can see.
    await server.admin('getStatus');
    return isOver;
  });
  return run;
}

describe('one command', () => {
  test('brings a good build to all boards, three at a time, and says so', async () => {
    const run = await updateWith({ kind: 'good' }, 7);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stderr).toMatch(/7 devices of the product/);
    expect(run.stdout).toMatch(/\ndone: 7 boards run 1\.1\.0; it is watched until \d{4}-/);
    expect(fleet.given.size).toBe(7);
  });

  test('stops at a bad one, takes it back, and says which command shows why', async () => {
    const run = await updateWith({ kind: 'rolls_back' }, 7);
    expect(run).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('is halted: the gate of stage everyone'),
    });
    expect(run.stderr).toContain('otter rollout waiting');
    expect(fleet.given.size).toBeLessThanOrEqual(3);
  });

  test('says how many boards before it asks, and does nothing without a yes', async () => {
    await fleet.add(3);
    const run = await otter();
    expect(run).toMatchObject({ exitCode: 2 });
    expect(run.stderr).toContain(`3 of 3 boards of ${line.product} get 1.1.0 by plan steady`);
    expect((await server.admin('listRollouts', { query: { product: line.product } })).items[0]?.status).toBe('draft');
  });

  test('goes on with what an earlier try left', async () => {
    await fleet.add(2);
    await otter();
    const run = updateWith({ kind: 'good' }, 1);
    expect(await run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('3 boards run 1.1.0') });
  });

  test('with no board yet says how to get the first one in', async () => {
    const run = await otter('--yes');
    expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('no board of product') });
    expect(run.stderr).toContain('otter board');
  });
});
