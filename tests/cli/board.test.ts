// `otter board`: what goes into a sketch, and the boards that fail to get in.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createKeyFiles } from '#cli/signing/key-file.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { boardHosts } from '#server/service/fleet/board-settings.ts';
import { runOtter } from '../support/otter-command.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

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

test('it prints secrets.h with the address, pin and token of this server', async () => {
  const run = await runOtter(folder, ['board', '--home', server.home]);
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toContain('#pragma once');
  expect(run.stdout).toContain(`const char* const kServer = "${server.url.origin}";`);
  expect(run.stdout).toContain(
    `const char* const kPin = "${formatPin(server.pin)},${findBackupKey(server.home)?.pin}";`,
  );
  expect(run.stdout).toContain(`const char* const kToken = "${server.fleetToken}";`);
  expect(run.stdout).toContain('kWifiName');
});

test('the same as JSON, and as a code for a phone that fits 60 columns', async () => {
  const json = await runOtter(folder, ['board', '--json', '--home', server.home]);
  expect(JSON.parse(json.stdout)).toEqual({
    servers: [server.url.origin],
    pin: formatPin(server.pin),
    backup_pin: findBackupKey(server.home)?.pin,
    token: server.fleetToken,
    release_keys: [],
  });
  const qr = await runOtter(folder, ['board', '--qr', '--home', server.home]);
  const lines = qr.stdout.trimEnd().split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
  expect(lines.length).toBeGreaterThan(20);
});

test('the release keys of this folder come with it, and never those that the server has', async () => {
  const own = await mkdtemp(join(tmpdir(), 'otter-keys-'));
  onTestFinished(async () => rm(own, { recursive: true, force: true }));
  const [release, backup] = await createKeyFiles(own, ['release', 'backup'], 'four random words here', {
    scryptLogN: 10,
  });
  await server.admin('trustReleaseKey', { body: { public_key: release?.public_key, signed: [] } });

  const elsewhere = await runOtter(folder, ['board', '--home', server.home]);
  expect(elsewhere.stdout).not.toContain('PUBLIC KEY');
  expect(elsewhere.stderr).toContain('takes signed builds alone');

  const { stdout, stderr } = await runOtter(own, ['board', '--home', server.home]);
  expect(stdout).toContain('ota.addReleaseKey(kReleaseKey).addReleaseKey(kBackupKey).begin();');
  expect(stdout).toContain(`const char kReleaseKey[] = R"(${release?.public_key.trim()})";`);
  expect(stdout).toContain(`const char kBackupKey[] = R"(${backup?.public_key.trim()})";`);
  expect(stderr).not.toContain('takes signed builds alone');
  const json = await runOtter(own, ['board', '--json', '--home', server.home]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    release_keys: [{ name: 'release', key_id: release?.key_id }, { name: 'backup' }],
  });

  await writeFile(join(own, 'release.pub'), 'not a key');
  expect(await runOtter(own, ['board', '--home', server.home])).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('release.pub is no public key'),
  });
});

test('a board that fails to get in is listed with its likely cause', async () => {
  const nobody = await runOtter(folder, ['board', 'problems', '--home', server.home]);
  expect(nobody).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('no board failed') });
  await server.fetch('POST', '/api/v1/check-update', {
    token: 'otf_another',
    body: Buffer.from('{"mac": "24:6F:28:AA:BB:CC", "current_version": "1.0.0"}'),
    headers: { 'content-type': 'application/json' },
  });
  await vi.waitFor(async () => {
    const { stdout } = await runOtter(folder, ['board', 'problems', '--home', server.home]);
    expect(stdout).toMatch(
      /24:6f:28:aa:bb:cc +127\.0\.0\.1 +token +1 .*it sent a token that this server does not know/,
    );
  });
});

test('`cert show --server` shows the pin of that server', async () => {
  const run = await runOtter(folder, ['cert', 'show', '--server', server.url.origin]);
  expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(formatPin(server.pin)) });
});

test.each([
  { listening: '192.168.1.5', certified: [], ofMachine: ['10.0.0.1'], hosts: ['192.168.1.5'] },
  {
    listening: '0.0.0.0',
    certified: ['localhost', 'pi', 'pi.local', 'old.local', 'ota.example.org', '10.0.0.1'],
    ofMachine: ['localhost', '127.0.0.1', '::1', 'pi', 'pi.local', '10.0.0.1', 'fd00::1'],
    hosts: ['ota.example.org', '10.0.0.1', 'pi.local'],
  },
  { listening: '0.0.0.0', certified: ['localhost'], ofMachine: ['localhost', '127.0.0.1'], hosts: ['localhost'] },
])('a server that listens on $listening is reached at $hosts', ({ listening, certified, ofMachine, hosts }) => {
  expect(boardHosts(listening, certified, ofMachine)).toEqual(hosts);
});
