// `otter simulate` against a real server: its boards leave no trace, and `otter reset` begins anew with the same key and tokens.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOtter, type OtterRun } from '../support/otter-command.ts';
import { addFirmware } from '../support/fleet.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
});
afterAll(async () => {
  await server.stop();
  await rm(server.home, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

async function otter(...args: readonly string[]): Promise<OtterRun> {
  return runOtter(folder, [...args, '--home', server.home]);
}

async function macs(): Promise<readonly string[]> {
  const { items } = await server.admin('listDevices', { query: { limit: '500' } });
  return items.map(({ mac }) => mac);
}

test('boards are removed at the end, and no others', async () => {
  await server.checkIn('24:6f:28:00:00:01', '1.0.0');
  const run = await otter('simulate', '--devices', '12', '--poll', '1s', '--for', '5s', '--label', 'pilot=50%');
  expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/(^|\D)[1-9]\d* simulated boards removed/) });
  expect(await macs()).toEqual(['24:6f:28:00:00:01']);
});

test('with --keep they stay', async () => {
  const run = await otter('simulate', '--devices', '3', '--poll', '1s', '--for', '5s', '--keep');
  expect(run).toMatchObject({ exitCode: 0 });
  expect((await macs()).length).toBeGreaterThan(1);
});

test('a rollout that would begin with nobody is not started without --anyway, and both ways out are named', async () => {
  await addFirmware(server, '1.5.0');
  await otter('rollout', 'create', '--firmware', '1.5.0', '--pilot', 'nobody');
  const refused = await otter('rollout', 'start', '1.5.0');
  expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('has label nobody') });
  expect(refused.stderr).toContain('otter device label MAC nobody');
  expect(refused.stderr).toContain('--anyway');
  expect(await otter('rollout', 'start', '1.5.0', '--anyway')).toMatchObject({ exitCode: 0 });
});

test('reset keeps key, tokens and configuration, is refused under a running server, and can be taken back', async () => {
  const kept = async () =>
    Promise.all(
      ['data/certs/server.key', 'data/certs/server.crt', 'data/tokens/fleet.token', 'data/tokens/admin.token'].map(
        async (name) => readFile(join(server.home, name), 'utf8'),
      ),
    );
  const before = await kept();
  expect(await otter('reset', '--yes')).toMatchObject({ exitCode: 78, stderr: expect.stringContaining('is locked') });
  expect((await macs()).length).toBeGreaterThan(1);
  await server.stop();
  expect(await otter('reset')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/otter\.db \(\d+ [KM]iB\)/),
  });
  const run = await otter('reset', '--yes');
  expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('same pin and token') });
  expect(await kept()).toEqual(before);
  const aside = (await readdir(join(server.home, 'data'))).filter((name) => name.includes('.before-'));
  expect(aside.map((name) => name.replace(/\.before-.*/, ''))).toEqual(
    expect.arrayContaining(['firmware', 'otter.db']),
  );
  const anew = await startTestServer({ like: server });
  expect((await anew.admin('listDevices')).items).toEqual([]);
  expect((await anew.admin('listFirmware')).items).toEqual([]);
  await anew.stop();
});
